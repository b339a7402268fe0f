"""Results: waiting without polling, what waiters get, and how long a result can be had."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pydantic
import pytest

from jobqueue import (
    BrokerUnavailable,
    InvalidJob,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobHandle,
    ResultGone,
    ResultTimeout,
)
from tests.integration.client.conftest import Counter
from tests.support import wait_until
from tests.support.stage import Stage

Wait = Callable[..., Awaitable[Any]]


async def wait_async(job: JobHandle[Any], timeout: Any = None) -> Any:
    """Wait on the loop."""
    return await job.result(timeout)


async def wait_sync(job: JobHandle[Any], timeout: Any = None) -> Any:
    """Wait in a thread."""
    return await asyncio.to_thread(job.result_sync, timeout)


both = pytest.mark.parametrize("wait", [wait_async, wait_sync])


async def enqueued(stage: Stage) -> JobHandle[Any]:
    """Return a job that nobody runs."""
    return await stage.app.ref("job").enqueue()


async def end(stage: Stage, state: str = "succeeded", payload: str = "") -> None:
    """Take the next job and end it."""
    field = "result" if state == "succeeded" else "error"
    fields = [field, payload] if payload else []
    delivery = await stage.broker.take()
    await stage.broker.finish(delivery, state=state, fields=fields, payload=payload)


async def watched(stage: Stage, job: JobHandle[Any]) -> None:
    """Wait until somebody waits for a job."""

    async def asked() -> bool:
        return "waiters" in await stage.broker.state(job.id)

    await wait_until(asked, description="a waiter has asked")


@both
@pytest.mark.parametrize("timeout", ["x", float("nan"), [], True])
async def test_a_timeout_that_is_none(stage: Stage, wait: Wait, timeout: Any) -> None:
    """What is no time is refused by its name, before anything is asked."""
    job = await enqueued(stage)
    with pytest.raises(InvalidJob, match=r"timeout: .* write "):
        await wait(job, timeout)


@both
async def test_a_time_that_ran_out(stage: Stage, wait: Wait) -> None:
    """A negative rest of a time only asks, like 0."""
    with pytest.raises(ResultTimeout):
        await wait(await enqueued(stage), -0.5)


@both
async def test_ended_before(stage: Stage, wait: Wait) -> None:
    """A result that is there is returned at once, also to one who has no time."""
    job = await enqueued(stage)
    await end(stage, payload='{"a":[1]}')
    for timeout in (None, 0, -1, 5, timedelta(0), timedelta(seconds=5)):
        assert await wait(job, timeout) == {"a": [1]}


@both
async def test_ends_meanwhile(stage: Stage, server: Counter, wait: Wait) -> None:
    """The end itself wakes the waiter: it does not ask again."""
    job = await enqueued(stage)
    task = asyncio.ensure_future(wait(job))
    await watched(stage, job)
    delivery = await stage.broker.take()
    server.reset()
    await stage.broker.finish(delivery, fields=["result", "7"], payload="7")
    assert await task == 7
    # One is the finish; a waiter in a thread may have begun its next question.
    assert server.round_trips() <= 2


@both
async def test_without_a_result(stage: Stage, wait: Wait) -> None:
    """A handler that returned nothing gives None, before and after its end."""
    job = await enqueued(stage)
    task = asyncio.ensure_future(wait(job))
    await watched(stage, job)
    await end(stage)
    assert await task is None
    assert await wait(job) is None


@both
async def test_many_wait_for_one(stage: Stage, wait: Wait) -> None:
    """However many wait for a job, each gets its result."""
    job = await enqueued(stage)
    waiters = [asyncio.ensure_future(wait(job, 15)) for _ in range(20)]
    await watched(stage, job)
    await end(stage, payload="[1]")
    results = await asyncio.gather(*waiters)
    assert results == [[1]] * 20


async def test_one_inbox_for_many_waiters(stage: Stage, server: Counter) -> None:
    """Waiters of one loop share one address, so the end costs one message."""
    job = await enqueued(stage)
    waiters = [asyncio.ensure_future(job.result(30)) for _ in range(50)]
    await watched(stage, job)
    assert len((await stage.broker.state(job.id))["waiters"].split()) == 1
    server.reset()
    await end(stage, payload="1")
    assert await asyncio.gather(*waiters) == [1] * 50
    assert server.redis.info("commandstats")["cmdstat_rpush"]["calls"] == 1


@both
async def test_each_gets_its_own(stage: Stage, wait: Wait) -> None:
    """Waiters of many jobs in several queues get the results of theirs."""
    job = stage.app.ref("job")
    handles = [
        await job.options(queue="default" if n % 2 else "other").enqueue(n) for n in range(20)
    ]
    tasks = [asyncio.ensure_future(wait(handle, 15)) for handle in handles]
    for queue in ("default", "other"):
        stage.broker.queue = queue
        for delivery in await stage.broker.fetch():
            await stage.broker.finish(
                delivery, fields=["result", f'"{delivery.id}"'], payload=f'"{delivery.id}"'
            )
    assert await asyncio.gather(*tasks) == [handle.id for handle in handles]


@both
async def test_not_in_time(stage: Stage, wait: Wait) -> None:
    """A waiter gives up when its time is over; the job goes on, and its result comes later."""
    job = await enqueued(stage)
    for timeout in (0, 0.05, timedelta(milliseconds=50), -1):
        with pytest.raises(ResultTimeout) as caught:
            await wait(job, timeout)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.job_id == job.id
    await end(stage, payload="1")
    assert await wait(job) == 1


async def test_who_gives_up_leaves_little_behind(stage: Stage) -> None:
    """Asking again and again does not make the job's record grow."""
    job = await enqueued(stage)
    for _ in range(20):
        with pytest.raises(ResultTimeout):
            await job.result(0)
        with pytest.raises(ResultTimeout):
            await asyncio.to_thread(job.result_sync, 0)
    assert len((await stage.broker.state(job.id))["waiters"].split()) == 2


async def test_answers_for_those_who_gave_up(stage: Stage) -> None:
    """An answer that came too late is nobody else's."""
    early, late = await enqueued(stage), await enqueued(stage)
    with pytest.raises(ResultTimeout):
        await asyncio.to_thread(early.result_sync, 0)
    task = asyncio.create_task(asyncio.to_thread(late.result_sync, 15))
    await watched(stage, late)
    await end(stage, payload='"early"')
    await end(stage, payload='"late"')
    assert await task == "late"


async def test_cancelled_waiter(stage: Stage) -> None:
    """A waiter that is cancelled takes nothing from the others."""
    job = await enqueued(stage)
    first, second = (asyncio.create_task(job.result()) for _ in range(2))
    await watched(stage, job)
    first.cancel()
    await asyncio.wait({first})
    await end(stage, payload="1")
    assert await second == 1
    assert first.cancelled()


@both
@pytest.mark.parametrize(("state", "error"), [("cancelled", JobCancelled), ("expired", JobExpired)])
async def test_ended_without_a_result(
    stage: Stage, wait: Wait, state: str, error: type[Exception]
) -> None:
    """Other ends are errors that name the job."""
    job = await enqueued(stage)
    await end(stage, state)
    with pytest.raises(error, match=job.id):
        await wait(job)


@both
async def test_failed(stage: Stage, wait: Wait) -> None:
    """The waiter sees what the worker saw."""

    @stage.app.job(retry=0)
    async def fail(what: str) -> None:
        """Fail."""
        raise LookupError(f"no {what}\0\ud800")

    job = await fail.enqueue("tea")
    async with stage.app.worker():
        with pytest.raises(JobFailed) as caught:
            await wait(job, 15)
    error = caught.value
    assert (error.job_id, error.type) == (job.id, "LookupError")
    assert error.message == "no tea\\x00\\ud800"
    assert "test_results.py" in error.traceback
    assert error.traceback.endswith("LookupError: no tea\\x00\\ud800\n")
    assert str(error) == f"job {job.id} failed: LookupError: {error.message}"


@both
async def test_worker_lost(stage: Stage, wait: Wait) -> None:
    """A job whose workers died is a failure, too."""
    job = await enqueued(stage)
    task = asyncio.ensure_future(wait(job, 15))
    await watched(stage, job)
    await stage.broker.take()
    await stage.broker.crash(budget=1)
    with pytest.raises(JobFailed, match=r"jobqueue\.WorkerLost: its worker died 1 times"):
        await task


# Types


class Model(pydantic.BaseModel):
    """A pydantic model."""

    when: date


class Struct(msgspec.Struct):
    """A msgspec struct."""

    number: int


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Model, Model(when=NOON.date())),
        (list[Model], [Model(when=NOON.date())]),
        (dict[str, Struct], {"a": Struct(1)}),
        (Struct | None, Struct(2)),
        (Struct | None, None),
        (datetime, NOON),
        (set[int], {1, 2}),
        (tuple[int, str], (1, "a")),
        (object, {"a": 1}),
        (Any, [1]),
        (None, None),
    ],
)
async def test_typed(stage: Stage, kind: Any, value: Any) -> None:
    """A result is what the handler's annotation says, through Redis and back."""

    async def handler() -> Any:
        return value

    handler.__annotations__["return"] = kind
    job = await stage.app.job()(handler).enqueue()
    async with stage.app.worker():
        assert await job.result(30) == value
        assert await wait_sync(job, 15) == value


async def test_other_type_than_the_annotation(stage: Stage) -> None:
    """A result of other code than the waiter's is given as plain JSON; so is that of a name."""

    @stage.app.job()
    async def handler() -> Struct:
        """Return what the annotation does not say."""
        return [1, {"a": 2}]  # type: ignore[return-value]

    async with stage.app.worker():
        job = await handler.enqueue()
        assert await job.result(30) == [1, {"a": 2}]  # type: ignore[comparison-overlap]
        named = await stage.app.ref("handler").enqueue()
        assert await named.result(30) == [1, {"a": 2}]


# Trouble


@both
async def test_gone(stage: Stage, wait: Wait) -> None:
    """What Redis has forgotten is an error that says what to set."""
    job = await enqueued(stage)
    await end(stage, payload="1")
    await stage.broker.recorded()
    with pytest.raises(ResultGone, match="no longer in Redis"):
        await wait(job)


@both
async def test_goes_while_somebody_waits(stage: Stage, wait: Wait) -> None:
    """The answer comes before the record goes."""
    job = await enqueued(stage)
    task = asyncio.ensure_future(wait(job))
    await watched(stage, job)
    await end(stage)
    await stage.broker.recorded()
    assert await task is None


async def test_kept_result(stage: Stage) -> None:
    """A kept result can be had after the job's record has gone."""
    job = await enqueued(stage)
    await end(stage, payload="1")
    await stage.broker.recorded(keep_ms=60_000)
    assert await job.result() == 1
    assert await wait_sync(job) == 1


async def test_on_a_loop(stage: Stage) -> None:
    """Waiting in a thread that runs a loop would stop it; the error says what to write."""
    job = await enqueued(stage)
    with pytest.raises(RuntimeError, match=r"result_sync\(\) would block .* await job.result"):
        job.result_sync()


async def test_closed_while_somebody_waits(stage: Stage) -> None:
    """Closing the app ends the wait: nobody would bring the answer."""
    job = await enqueued(stage)
    task = asyncio.create_task(job.result())
    await watched(stage, job)
    await stage.app.close()
    with pytest.raises(BrokerUnavailable, match="the app was closed"):
        await task


async def test_waiters_end_with_the_reader(stage: Stage) -> None:
    """When nobody waits any more, nobody reads."""
    job = await enqueued(stage)
    await end(stage, payload="1")
    began = time.monotonic()
    with pytest.raises(ResultTimeout):
        await (await enqueued(stage)).result(0.01)
    assert await job.result() == 1
    await wait_until(
        lambda: asyncio.all_tasks() == {asyncio.current_task()},
        description="no task is left",
        deadline=10 + time.monotonic() - began,
    )
