"""First of a chain of three: has the action `call', in C, invoke the action `words', in Python."""
import json

import faas


def main(arg: str) -> str:
    try:
        statistics = json.loads(faas.action_invoke(name="call", arg="words " + arg, timeout=5))
    except faas.Error as error:
        return f"no statistics: {error.reason}"
    return f"{statistics['words']} words, most often '{statistics['frequent'][0][0]}'"
