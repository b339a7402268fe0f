"""Worker and scheduler inside another program, and the settings that an app is given."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobqueue import (
    BrokerUnavailable,
    ConfigurationError,
    JobFailed,
    JobQueue,
    ResultTimeout,
    State,
    services,
)
from jobqueue.broker.keys import Keys
from jobqueue.embedded import ValkeyServer
from jobqueue.settings import Settings
from tests.integration.client.conftest import Counter
from tests.support import wait_until
from tests.support.broker import connect
from tests.support.stage import Stage, stage_on


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An app with a job that can be held up."""
    async with stage_on(redis_url) as stage:
        yield stage
    gc.collect()


def holdable(stage: Stage) -> tuple[Any, asyncio.Event]:
    """Declare a job that runs until an event is set; it logs its start and its end."""
    go = asyncio.Event()

    @stage.app.job()
    async def hold(n: int = 0) -> int:
        """Wait for the event."""
        stage.log.append(f"start {n}")
        await go.wait()
        stage.log.append(f"end {n}")
        return n

    return hold, go


async def test_worker_drains_at_the_end(stage: Stage) -> None:
    """The block ends when running jobs have ended; what waits, waits for others."""
    hold, go = holdable(stage)
    async with stage.app.worker(concurrency=1):
        first, second = await hold.enqueue(1), await hold.enqueue(2)
        await stage.logged(1)
        asyncio.get_running_loop().call_soon(go.set)
    assert stage.log == ["start 1", "end 1"]
    assert await first.result(30) == 1
    with pytest.raises(ResultTimeout):
        await second.result(0)
    assert await stage.state(second.id) == "ready"


async def test_body_that_fails(stage: Stage) -> None:
    """An error of the program goes through; the worker has stopped by then."""
    hold, go = holdable(stage)
    go.set()

    async def program() -> None:
        async with stage.app.worker():
            assert await (await hold.enqueue(1)).result(30) == 1
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await program()
    job = await hold.enqueue(2)
    with pytest.raises(ResultTimeout):
        await job.result(0.1)


async def test_run_worker_until_cancelled(stage: Stage) -> None:
    """A cancelled worker lets its jobs end within the grace."""
    hold, go = holdable(stage)
    task = asyncio.create_task(stage.app.run_worker())
    job = await hold.enqueue(1)
    await stage.logged(1)
    task.cancel()
    asyncio.get_running_loop().call_soon(go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.log == ["start 1", "end 1"]
    assert await job.result(30) == 1


async def test_run_worker_without_grace(redis_url: str) -> None:
    """What does not end within the grace goes back at no cost, and runs elsewhere."""
    async with stage_on(redis_url, grace=0.0) as stage:
        hold, go = holdable(stage)
        task = asyncio.create_task(stage.app.run_worker())
        job = await hold.enqueue(1)
        await stage.logged(1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert await stage.outcomes(job.id) == ["released"]
        go.set()
        async with stage.app.worker():
            assert await job.result(30) == 1


async def test_cancelled_before_it_could_start(redis_url: str, tmp_path: Any) -> None:
    """A worker that is still looking for Redis can be cancelled."""
    async with stage_on(redis_url, way=f"unix://{tmp_path}/nobody.sock") as stage:
        for run in (stage.app.run_worker, stage.app.run_scheduler):
            task = asyncio.create_task(run())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    gc.collect()


async def test_redis_away_at_the_start(
    redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that finds no Redis says so when its patience is over."""
    assert services.start.PATIENCE == 10
    monkeypatch.setattr(services.start, "PATIENCE", 0.2)
    async with stage_on(redis_url, way=f"unix://{tmp_path}/nobody.sock") as stage:
        for run in (stage.app.run_worker, stage.app.run_scheduler):
            with pytest.raises(BrokerUnavailable, match="can't be reached"):
                await run()
    gc.collect()


async def test_redis_comes_in_time(breakable_redis: ValkeyServer) -> None:
    """A server that comes up while a service waits for it is used."""
    app = JobQueue(redis_url=breakable_redis.url)
    breakable_redis.stop()
    asking = asyncio.create_task(app.services.start.facts())
    await asyncio.to_thread(breakable_redis.start)
    assert (await asking).flavour == "Valkey"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"queues": ["a b"]}, "queues (argument): 'a b' can't name a queue"),
        ({"queues": []}, "queues (argument): it names no queue"),
        ({"queues": {"a": 0}}, "0 is no weight"),
        ({"concurrency": 0}, "concurrency (argument): must be at least 1"),
        ({"concurrency": -1}, "must be at least 1"),
        ({"concurrency": "many"}, "is no whole number"),
    ],
)
async def test_wrong_arguments(stage: Stage, arguments: Any, words: str) -> None:
    """The error names the argument; nothing was started."""
    for run in (
        stage.app.worker(**arguments).__aenter__,
        lambda: stage.app.run_worker(**arguments),
    ):
        with pytest.raises(ConfigurationError) as caught:
            await run()
        assert words in str(caught.value)


async def test_queues(stage: Stage) -> None:
    """Without a choice a worker serves every queue that a handler names, and the default one."""
    for queue in (None, "a", "b"):

        async def where() -> str | None:
            """Do nothing."""
            return None

        stage.app.job(name=f"in_{queue}", queue=queue)(where)
    jobs = [await stage.app.ref(f"in_{queue}").enqueue() for queue in (None, "a", "b")]
    async with stage.app.worker(queues=["b"]):
        assert await jobs[2].result(30) is None
        with pytest.raises(ResultTimeout):
            await jobs[0].result(0)
    async with stage.app.worker():
        assert [await job.result(30) for job in jobs[:2]] == [None, None]


async def test_two_workers_on_one_loop(stage: Stage) -> None:
    """Workers of one program share the work; each job runs once."""

    @stage.app.job()
    async def note(n: int) -> None:
        """Log a number."""
        stage.log.append(n)

    async with stage.app.worker(concurrency=2), stage.app.worker(concurrency=2):
        await stage.app.enqueue_many(note.prepare(n) for n in range(200))
        await stage.logged(200)
    assert sorted(stage.log) == list(range(200))


async def test_scheduler(stage: Stage) -> None:
    """Delayed jobs and schedules need a scheduler, which may live here, too."""

    @stage.app.every(1)
    @stage.app.job()
    async def tick() -> None:
        """Log a tick."""
        stage.log.append("tick")

    @stage.app.job()
    async def later() -> str:
        """Return."""
        return "late"

    job = await later.options(delay=0.05).enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(30) == "late"
        await stage.logged(1)


async def test_who_warns_of_the_grace(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A worker warns of timeouts above its grace; a scheduler runs no job and has no grace."""

    @stage.app.job(timeout=600)
    async def long() -> None:
        """Do nothing."""

    warning = "timeouts exceed the grace"
    async with stage.app.scheduler():
        assert not [text for text in caplog.messages if text.startswith(warning)]
    async with stage.app.worker():
        assert len([text for text in caplog.messages if text.startswith(warning)]) == 1


async def test_run_scheduler_until_cancelled(stage: Stage, server: Counter) -> None:
    """A cancelled scheduler leaves no task, no connection and no presence."""
    task = asyncio.create_task(stage.app.run_scheduler())

    async def there() -> bool:
        return bool(await stage.app.living("scheduler"))

    await wait_until(there, description="the scheduler is there")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await stage.app.living("scheduler")
    await stage.app.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert server.stored() == set()


@pytest.mark.parametrize("prefix", ["shop"])
async def test_settings_of_the_app(redis_url: str, prefix: str, server: Counter) -> None:
    """Every setting that an app is given reaches the part that it is for."""
    settings = Settings(
        redis_url=redis_url,
        prefix=prefix,
        default_queue="work",
        default_priority="low",
        default_timeout=0.05,
        retries=0,
        max_result=4,
        max_traceback=1024,
        code_version="v7",
    )
    async with JobQueue(settings=settings) as app, app.worker():

        @app.job()
        async def forever() -> None:
            """Never end."""
            await asyncio.Event().wait()

        @app.job()
        async def long() -> str:
            """Return too much."""
            return "xxx"

        @app.job()
        async def wordy() -> None:
            """Fail with many words."""
            raise LookupError("x" * 2000)

        late = await forever.enqueue()
        assert late.queue == "work"
        assert all(key.startswith("shop:") for key in server.stored())
        with pytest.raises(JobFailed, match=r"timeout of 0\.05 s"):
            await late.result(30)
        with pytest.raises(JobFailed, match=r"above the limit of 4 \(JOBQUEUE_MAX_RESULT\)"):
            await (await long.enqueue()).result(30)
        with pytest.raises(JobFailed) as caught:
            await (await wordy.enqueue()).result(30)
        assert "bytes left out" in caught.value.traceback
        assert len(caught.value.traceback.encode()) <= 1024
        assert len(caught.value.message) == 2000
        [found] = await app.find(late.id)
        assert (found.state, found.attempts) == (State.DEAD, 1)
        assert found.priority is not None
        assert found.priority.label == "low"
    async with connect(redis_url) as broker:
        broker.queue, broker.keys = "work", Keys(prefix)
        assert [row.code_version for row in await broker.journal()] == ["v7"] * 3
