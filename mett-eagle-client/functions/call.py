"""Argument "NAME ARGUMENT": invokes the action NAME with the rest, and answers what it answers."""
import faas


def main(arg):
    name, _, rest = arg.partition(" ")
    return faas.action_invoke(name=name, arg=rest)
