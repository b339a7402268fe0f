"""Turns what a handler returned or raised into an outcome.

The same functions speak for handlers on the loop, in threads and in children, so that
an exception means the same wherever it was raised.
"""

import logging
from typing import Any

from jobqueue.domain import codec
from jobqueue.domain.errors import Permanent, RetryAfter, Snooze
from jobqueue.domain.handlers import Handler
from jobqueue.domain.outcomes import Failed, Failure, Mismatch, Outcome, Snoozed, Succeeded
from jobqueue.worker.failures import MESSAGE_LIMIT, failure
from jobqueue.worker.tasks import ProgramEnd

log = logging.getLogger("jobqueue.worker")

NOTHING = Succeeded()


def returned(value: Any, max_result: int, max_traceback: int) -> Outcome:
    """Return the outcome of a handler that returned ``value``.

    Args:
        value: Anything; what JSON does not have is a failure that no retry heals.
        max_result: The largest accepted size as JSON, in bytes.
        max_traceback: Most bytes of traceback, for a value that can't say what it is.
    """
    if value is None:
        return NOTHING
    try:
        raw = codec.encode(value)
    except codec.NotJson as error:
        return Failed(Failure("jobqueue.ResultNotJson", str(error)), permanent="result_not_json")
    except Exception as error:  # noqa: BLE001 - a model's own serialiser is the user's code
        return raised(error, max_traceback, skip=0)
    if len(raw) > max_result:
        text = f"{len(raw)} bytes, above the limit of {max_result} (JOBQUEUE_MAX_RESULT)"
        return Failed(Failure("jobqueue.ResultTooLarge", text), permanent="result_too_large")
    return Succeeded(raw)


def raised(
    error: BaseException, max_traceback: int, *, handler: Handler | None = None, skip: int = 1
) -> Failed | Snoozed:
    """Return the outcome of a handler that raised ``error``.

    Args:
        error: Any exception, ``SystemExit`` and ``KeyboardInterrupt`` too.
        max_traceback: Most bytes of traceback.
        handler: The handler; its ``is_failure`` is asked.
        skip: Outermost frames to leave out: those of the worker.
    """
    if isinstance(error, ProgramEnd) and error.__cause__ is not None:
        error = error.__cause__
    # A subclass that does not call our __init__ has no delay: then it is an error like others.
    asked = getattr(error, "delay", None) if isinstance(error, Snooze | RetryAfter) else None
    if isinstance(error, Snooze) and asked is not None:
        return Snoozed(asked.total_seconds())
    text = failure(error, max_traceback, skip=skip)
    if isinstance(error, Permanent):
        return Failed(text, error, permanent="permanent")
    delay = None if asked is None else asked.total_seconds()
    return Failed(text, error, delay, counted=_counts(error, handler))


def _counts(error: BaseException, handler: Handler | None) -> bool:
    if handler is None or handler.is_failure is None:
        return True
    try:
        return bool(handler.is_failure(error))
    except BaseException as problem:  # it is the user's code
        problem.__suppress_context__ = True  # the job's own error may hold what nobody may see
        log.exception("is_failure failed; the attempt counts", extra={"job": handler.name})
        return True


def mismatched(error: Exception) -> Mismatch:
    """Return the outcome of arguments that don't fit the handler."""
    return Mismatch(Failure("jobqueue.Mismatch", codec.storable(str(error), MESSAGE_LIMIT)))
