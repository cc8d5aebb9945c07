"""Invokes what the argument, as JSON, says, and answers what came of it."""
import json

import faas

try:
    faas.invoke("echo", "too early")
    EARLY = "possible"
except RuntimeError as error:
    EARLY = str(error)


def main(arg):
    if arg == "early":
        return EARLY
    request = json.loads(arg)
    call = faas.action_invoke if request.pop("long", False) else faas.invoke
    try:
        return [call(**request)]
    except faas.Error as error:
        return {"reason": error.reason, "detail": error.detail, "text": str(error),
                "log": error.log}
    except (TypeError, ValueError) as error:
        return type(error).__name__
