"""Statistics of a text: lines, words, distinct words, the most frequent ones."""
import collections
import re

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def main(arg: str) -> dict:
    words = [word.casefold() for word in WORD.findall(arg)]
    count = collections.Counter(words)
    return {
        "lines": len(arg.splitlines()),
        "words": len(words),
        "distinct": len(count),
        "frequent": [[word, n] for word, n in sorted(count.items(),
                                                     key=lambda row: (-row[1], row[0]))[:3]],
    }
