"""Three languages in one call: this asks greet, in C, which asks shout, a shell script."""
import faas


def main(names):
    return "\n".join(faas.invoke("greet", name) for name in names.split())
