"""Worker, scheduler and recorder say what keeps them from their duty."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobqueue.embedded import PostgresServer
from jobqueue.history import migrate
from jobqueue.scheduler import lookout
from jobqueue.services.running import Runs, running
from tests.support.proxy import proxy_to
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import DEADLINE, wait_until

FULL = "the journal of queue default is past its bound: is a recorder running?"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at PostgreSQL ten times a second."""
    monkeypatch.setattr(lookout, "EVERY", 0.1)


async def unready(service: Runs, words: str) -> None:
    """Wait until it is not ready for a reason, and alive all the same."""

    def said() -> bool:
        return any(words in reason for reason in service.health().unready)

    await wait_until(said, description=f"it says: {words}")
    assert service.health().reasons("livez") == []


async def ready(service: Runs, deadline: float = DEADLINE) -> None:
    """Wait until nothing keeps it from its duty."""

    def well() -> bool:
        return not service.health().reasons("readyz")

    try:
        await wait_until(well, description="it is ready", deadline=deadline)
    except AssertionError as error:
        raise AssertionError(f"{error}: {service.health()}") from None


async def test_from_the_start_to_the_end(stage: Stage) -> None:
    """A worker is ready between its start and its end."""
    open_now, release = asyncio.Event(), asyncio.Event()

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        await open_now.wait()
        yield

    @stage.app.job()
    async def work() -> None:
        stage.log.append("began")
        await release.wait()

    worker = await stage.app.services.worker()
    task = asyncio.create_task(worker.run())
    await unready(worker, "the worker is starting")
    open_now.set()
    await ready(worker)
    await work.enqueue()
    await stage.logged(1)
    worker.stop()
    await unready(worker, "the worker is stopping")
    release.set()
    await task


@pytest.mark.parametrize("role", ["worker", "scheduler"])
async def test_redis_is_away(redis_url: str, tmp_path: Path, role: str) -> None:
    """Without Redis no service is ready, and each lives; it is ready when Redis is back."""
    async with (
        proxy_to(redis_url, tmp_path) as proxy,
        stage_on(redis_url, way=proxy.url, lease=SHORT) as stage,
        running(await getattr(stage.app.services, role)()) as service,
    ):
        await ready(service)
        proxy.close()
        await unready(service, "Redis can't be reached")
        proxy.open()
        await ready(service)


async def test_a_full_worker_hears_that_redis_is_away(redis_url: str, tmp_path: Path) -> None:
    """A worker that has no reason to fetch knows it from its heartbeat."""
    release = asyncio.Event()
    async with (
        proxy_to(redis_url, tmp_path) as proxy,
        stage_on(redis_url, way=proxy.url, lease=SHORT) as stage,
    ):

        @stage.app.job()
        async def work() -> None:
            stage.log.append("began")
            await release.wait()

        async with stage.app.worker(concurrency=1) as worker:
            job = await work.enqueue()
            await stage.logged(1)
            await ready(worker)
            proxy.close()
            await unready(worker, "Redis can't be reached")
            proxy.open()
            await ready(worker)
            release.set()
            await stage.ended(job.id)


async def test_the_journal_is_full(redis_url: str) -> None:
    """Past the journal's bound a worker is not ready, and says why."""
    bound = 1 << 20
    async with stage_on(redis_url, journal_limit=bound) as stage:

        @stage.app.job()
        async def work(text: str) -> None:
            """Leave a row with this text."""

        await stage.app.enqueue_many(work.prepare("x" * 50_000) for _ in range(100))
        async with stage.app.worker(concurrency=2) as worker:
            await unready(worker, FULL)

            async def recorded() -> bool:
                await stage.broker.recorded(bound=bound)
                return not worker.health().unready

            await wait_until(recorded, description="it is ready again")


@pytest.mark.parametrize("role", ["scheduler", "recorder"])
async def test_postgresql_is_away(
    redis_url: str, breakable_postgres: PostgresServer, role: str
) -> None:
    """Without PostgreSQL a recorder is not ready, also when there is nothing to record."""
    migrate.upgrade(breakable_postgres.url)
    async with (
        stage_on(redis_url, database_url=breakable_postgres.url) as stage,
        running(await getattr(stage.app.services, role)()) as service,
    ):
        await ready(service)
        breakable_postgres.kill()
        await unready(service, "PostgreSQL: ")
        breakable_postgres.start()
        await ready(service)


@pytest.mark.parametrize("role", ["scheduler", "recorder"])
async def test_postgresql_comes_back(
    redis_url: str, breakable_postgres: PostgresServer, role: str
) -> None:
    """Every duty that has failed without PostgreSQL is done within seconds of its return."""
    migrate.upgrade(breakable_postgres.url)
    await asyncio.to_thread(breakable_postgres.kill)
    async with stage_on(redis_url, database_url=breakable_postgres.url) as stage:
        await stage.broker.enqueue("job")
        await stage.broker.finish(await stage.broker.take())
        await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
        async with running(await getattr(stage.app.services, role)()) as service:

            def unable() -> bool:
                duties = service._describe()["duties"]
                return all(duties[each] for each in ("recorder", "upkeep", "lookout"))

            await wait_until(unable, description="all its duties fail")
            await asyncio.to_thread(breakable_postgres.start)
            await ready(service, deadline=12)  # 2 s until the last one tries again, and the tries


async def test_the_schema_is_wrong(redis_url: str, postgres_url: str) -> None:
    """A scheduler without a schema promotes, and is not ready to record."""
    async with (
        stage_on(redis_url, database_url=postgres_url) as stage,
        stage.app.scheduler() as scheduler,
    ):
        await unready(scheduler, "the database schema is missing")


async def test_a_start_that_fails(stage: Stage) -> None:
    """The error comes before the block, which never begins."""

    def fail() -> None:
        raise LookupError("no resources")

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        fail()
        yield

    with pytest.raises(LookupError, match="no resources"):
        async with stage.app.worker():
            stage.log.append("began")
    assert stage.log == []


async def test_a_start_that_is_cancelled(stage: Stage) -> None:
    """Who loses patience with a start leaves nothing behind."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        stage.log.append("opening")
        try:
            await asyncio.Event().wait()
            yield
        finally:
            stage.log.append("gave up")

    task = asyncio.create_task(stage.app.run_worker())
    await stage.logged(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.log == ["opening", "gave up"]


async def test_a_block_begins_when_the_worker_works(stage: Stage) -> None:
    """Inside the block the resources are open."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield "open"

    async with stage.app.worker() as worker:
        assert resources.state == "open"
        assert worker.health().reasons("readyz") == []
