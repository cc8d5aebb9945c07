"""What a function asks of the server that runs it: types for editors and checkers."""
from typing import Any, NamedTuple

class Activation(NamedTuple):
    """What is served."""

    id: int
    """Unique within the server's life."""
    name: str
    """Of the action."""
    deadline: float | None
    """On the clock of time.monotonic(), in seconds; None: there is none."""
    memory_limit: int | None
    """In bytes; None: there is none but the server's."""

class Error(Exception):
    """An action that was invoked gave no answer."""

    reason: str
    """Its name, as "timed out"."""
    detail: int
    """A number that goes with some reasons, as the code of a failure."""
    log: str
    """End of what the action wrote to its log."""

def action_invoke(
    name: str,
    arg: str | bytes | dict[str, Any] | list[Any] | None = None,
    *,
    timeout: float = 0,
    memory: int = 0,
) -> str | bytes:
    """Run an action of the same name space, and wait for its answer.

    timeout is in seconds, memory in bytes; 0: the action's default. The answer is bytes only
    when it is not UTF-8. Raises Error.
    """

def invoke(
    name: str,
    arg: str | bytes | dict[str, Any] | list[Any] | None = None,
    *,
    timeout: float = 0,
    memory: int = 0,
) -> str | bytes:
    """Short for action_invoke()."""

def log(message: object, /) -> None:
    """Write a line to the activation's log."""

def activation() -> Activation:
    """What is served; only from within main()."""
