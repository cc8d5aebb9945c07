"""Takes memory and writes to it until it gets no more. With a number as argument it is content
with so many bytes, and answers how many it got."""
PIECE = 1 << 20


def main(arg):
    wanted = int(arg) if arg else None
    pieces = []
    got = 0
    while wanted is None or got < wanted:
        size = PIECE if wanted is None else min(PIECE, wanted - got)
        pieces.append(b"a" * size)
        got += size
    return str(got)
