"""Takes a run through the app's middleware.

Inside stands the run itself, with its timeout and its recovery; it comes to an outcome. To
a middleware an outcome looks like a call: a value is returned, an error raised.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from jobqueue.domain.context import CurrentJob
from jobqueue.domain.errors import JobFailed, Snooze
from jobqueue.domain.extensions import RunMiddleware
from jobqueue.domain.outcomes import (
    Cancelled,
    Failed,
    Failure,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)

Run = Callable[[], Awaitable[Outcome]]


async def through(
    around: Sequence[RunMiddleware],
    job: CurrentJob,
    run: Run,
    succeeded: Callable[[Any], Outcome],
) -> Outcome:
    """Run a job inside its middleware and return what all of it came to.

    Args:
        around: The middleware, the outermost first.
        job: The job.
        run: Runs it; called as often as the innermost middleware calls ``call_next``.
        succeeded: Makes an outcome of a value that a middleware returned instead.

    Raises:
        BaseException: What a middleware raised by itself.
    """
    inner = _Inner(run, job.id)
    call: Callable[[], Awaitable[Any]] = inner
    for each in reversed(around):
        call = partial(each, job, call)
    try:
        value = await call()
    except BaseException as error:
        if inner.outcome is not None and error is inner.error:
            return inner.outcome  # it went through untouched
        raise
    if isinstance(inner.outcome, Released | Cancelled):
        return inner.outcome  # it was not done, whatever a middleware makes of that
    if inner.outcome is not None and inner.error is None and value is inner.value:
        return inner.outcome
    return succeeded(value)


class _Inner:
    """The run as the innermost middleware calls it."""

    def __init__(self, run: Run, job_id: str) -> None:
        self._run = run
        self._job_id = job_id
        self.outcome: Outcome | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    async def __call__(self) -> Any:
        self.outcome = outcome = await self._run()
        self.value, self.error = None, None
        if isinstance(outcome, Succeeded):
            self.value = None if outcome.result is None else msgspec.json.decode(outcome.result)
            return self.value
        self.error = _error_of(outcome, self._job_id)
        raise self.error


def _error_of(outcome: Outcome, job_id: str) -> BaseException:
    """Return what a middleware sees of a run that did not succeed."""
    match outcome:
        case Failed(error=SystemExit() | KeyboardInterrupt()):
            pass  # raised in a task that a middleware has made, they would end the event loop
        case Failed(error=BaseException() as error):
            return error
        case Released() | Cancelled():
            return asyncio.CancelledError()
        case Snoozed(delay):
            return Snooze(delay)
        case TimedOut(failure):
            return TimeoutError(failure.message)
    failure = getattr(outcome, "failure", None) or Failure("", "")
    return JobFailed(job_id, failure.type, failure.message, failure.traceback)
