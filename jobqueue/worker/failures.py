"""Turns any exception into text, also one that can't be printed."""

import traceback

from jobqueue.domain.codec import storable
from jobqueue.domain.outcomes import Failure

MESSAGE_LIMIT = 4096  # bytes


def failure(error: BaseException, limit: int, *, skip: int = 0) -> Failure:
    """Return an exception as it is stored.

    Args:
        error: Any exception, also one whose ``str()`` raises.
        limit: Most bytes of traceback; head and tail are kept.
        skip: Outermost frames to leave out: the worker's own.
    """
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return Failure(
        storable(name, MESSAGE_LIMIT),
        storable(_text(error), MESSAGE_LIMIT),
        _traceback(error, limit, skip),
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as problem:  # noqa: BLE001 - the handler's exception is code too
        return f"<message can't be printed: {type(problem).__name__}>"


def _traceback(error: BaseException, limit: int, skip: int) -> str:
    tb = error.__traceback__
    for _ in range(skip):
        tb = tb.tb_next if tb else None
    try:
        lines = traceback.format_exception(type(error), error, tb)
    except BaseException as problem:  # noqa: BLE001 - see _text
        lines = [f"<traceback can't be printed: {type(problem).__name__}>"]
    return storable("".join(lines), limit)
