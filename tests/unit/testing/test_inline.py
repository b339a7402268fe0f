"""Inline mode: what is enqueued runs at once, without any server."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from jobqueue import (
    ConfigurationError,
    InvalidJob,
    JobFailed,
    JobQueue,
    Permanent,
    Retry,
    RetryAfter,
    Snooze,
    Status,
    current_job,
    testing,
)
from jobqueue.settings import Settings


@dataclass
class Order:
    """Something that JSON has no type for."""

    day: date
    n: int


async def test_arguments_and_result_are_encoded(app: JobQueue) -> None:
    """A handler gets what a worker would give it, and the caller what ``result()`` gives."""

    @app.job()
    async def ship(order: Order) -> Order:
        return Order(order.day, order.n + 1)

    order = Order(date(2030, 1, 1), 1)
    job = await ship.enqueue(order)
    assert job.status is Status.CREATED
    found = await job.result()
    assert found == Order(date(2030, 1, 1), 2)
    assert found is not order


async def test_what_can_not_be_stored(app: JobQueue) -> None:
    """Arguments are refused as always, and so is a result that is too large or no JSON."""

    @app.job()
    async def echo(value: Any) -> Any:
        return "x" * value if isinstance(value, int) else object()

    with pytest.raises(InvalidJob):
        await echo.enqueue(object())
    with pytest.raises(JobFailed, match="ResultTooLarge"):
        await echo.enqueue(1000)
    with pytest.raises(JobFailed, match="ResultNotJson"):
        await echo.enqueue("no")


async def test_arguments_that_do_not_fit(app: JobQueue) -> None:
    """A call by name is checked where it is decoded, as on a worker."""

    @app.job()
    async def double(n: int) -> int:
        return 2 * n

    with pytest.raises(JobFailed, match="Mismatch"):
        await app.ref("double").enqueue("two")
    with pytest.raises(ConfigurationError, match="nobody"):
        await app.ref("nobody").enqueue()


async def test_retries_without_waiting(app: JobQueue, log: list[Any]) -> None:
    """Attempts are counted as the policy says, and no time passes between them."""

    @app.job(retry=Retry(3, base=3600))
    async def flaky() -> int:
        log.append(current_job().attempt)
        if len(log) < 3:
            raise RetryAfter(3600)
        if len(log) == 3:
            raise Snooze(3600)
        return len(log)

    assert await (await flaky.enqueue()).result() == 4
    assert log == [1, 2, 3, 3]


async def test_it_raises_what_the_last_attempt_raised(app: JobQueue, log: list[Any]) -> None:
    """The exception is the handler's own object."""

    @app.job()
    async def broken() -> None:
        log.append(LookupError(len(log)))
        raise log[-1]

    with pytest.raises(LookupError) as caught:
        await broken.enqueue()
    assert caught.value is log[-1]
    assert len(log) == 3, "two retries, by the settings"


async def test_permanent(app: JobQueue, log: list[Any]) -> None:
    """``Permanent`` and what ``never=`` names end the retries."""

    @app.job(retry=5)
    async def hopeless() -> None:
        log.append(1)
        raise Permanent("no")

    with pytest.raises(Permanent):
        await hopeless.enqueue()
    assert log == [1]


def test_an_error_may_stay_in_the_handle() -> None:
    """With ``raises=False`` a failure shows where a producer would see it."""
    app = JobQueue(settings=Settings(retries=0))

    @app.job()
    def broken() -> None:
        raise LookupError("gone")

    with testing.inline(app, raises=False):
        job = broken.enqueue_sync()
        with pytest.raises(JobFailed, match="LookupError: gone"):
            job.result_sync()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_errors_that_would_end_the_test(app: JobQueue, error: BaseException) -> None:
    """What would stop the test run is a failure of the job, as on a worker."""

    @app.job(retry=0)
    async def leave() -> None:
        raise error

    with pytest.raises(JobFailed, match=type(error).__name__):
        await leave.enqueue()


async def test_a_job_that_never_ends(app: JobQueue) -> None:
    """A handler that always snoozes is stopped."""

    @app.job()
    async def sleepy() -> None:
        raise Snooze(1)

    with pytest.raises(RuntimeError, match="'sleepy' did not end"):
        await sleepy.enqueue()


async def test_a_timeout(app: JobQueue) -> None:
    """The timeout of an async handler ends it."""

    @app.job(timeout=0.01, retry=0)
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(JobFailed, match="TimeoutError"):
        await hang.enqueue()


async def test_the_test_gives_up(app: JobQueue, log: list[Any]) -> None:
    """Cancelling the enqueue cancels the handler, and is no failed attempt."""

    @app.job()
    async def hang() -> None:
        log.append(1)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(hang.enqueue(), 0.02)
    assert log == [1]
