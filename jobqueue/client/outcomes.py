"""Turns what a job came to into its result or the error that its waiter gets."""

import logging
from typing import Any

import msgspec

from jobqueue.broker.messages import Watched
from jobqueue.client.handle import Watcher
from jobqueue.domain import codec
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import JobCancelled, JobExpired, JobFailed
from jobqueue.domain.outcomes import Failure

log = logging.getLogger("jobqueue.client")

WAITING, GONE, PROGRESS = "waiting", "gone", "progress"

_failure = msgspec.json.Decoder(Failure)
_progress = msgspec.json.Decoder(Progress)


def told(watcher: Watcher, report: Watched) -> None:
    """Pass a progress report on; what the caller's function raises is logged."""
    try:
        watcher(_progress.decode(report.payload))
    except Exception:
        log.exception("on_progress failed", extra={"job_id": report.id})


def value(watched: Watched, returns: Any) -> Any:
    """Return the result of a job that has ended.

    Args:
        watched: Its terminal state, with the result or the error as JSON.
        returns: Annotation of the handler's return value; ``Any`` if unknown.

    Raises:
        JobFailed: It is a dead letter.
        JobCancelled: It was cancelled.
        JobExpired: It expired before it could start.
    """
    match watched.state:
        case "succeeded":
            return decode(watched.payload.encode(), returns) if watched.payload else None
        case "cancelled":
            raise JobCancelled(watched.id)
        case "expired":
            raise JobExpired(watched.id)
    failure = _failure.decode(watched.payload)
    raise JobFailed(watched.id, failure.type, failure.message, failure.traceback)


def decode(raw: bytes, returns: Any) -> Any:
    """Return a result as its annotation says, or as plain JSON where that can't be."""
    if returns is not None and returns is not Any:
        try:
            return msgspec.json.decode(raw, type=returns, dec_hook=codec.make)
        except Exception as error:  # noqa: BLE001 - models are the caller's code
            # A result written by other code than the waiter's is still a result.
            log.debug("result is not what its annotation says", extra={"problem": str(error)})
    return msgspec.json.decode(raw)
