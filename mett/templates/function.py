"""Deploy it with `mett deploy FILE`, invoke it with `mett invoke NAME world`."""


def main(name):
    # What is raised here is the caller's error; what is printed is the log.
    if not name:
        raise ValueError("whom shall I greet? give a name as the argument")
    return f"Hello, {name}!"
