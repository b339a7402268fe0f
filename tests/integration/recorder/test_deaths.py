"""A recorder that dies, a database that goes away: each record becomes one row all the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext

import pytest

from jobqueue.broker import journal
from jobqueue.broker.journal import Journal
from jobqueue.domain.executions import Execution
from jobqueue.embedded import PostgresServer
from jobqueue.history import migrate
from jobqueue.history.writer import HistoryWriter, Refused
from jobqueue.recorder import recorder as recorder_module
from jobqueue.recorder.recorder import Recorder
from tests.integration.recorder.conftest import (
    Ask,
    arrived,
    asking,
    journal_is_empty,
    waiting,
)
from tests.support.locking import blocked
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


class Mortal(HistoryWriter):
    """Writes a batch, and then the whole process is gone."""

    async def write(self, executions: Sequence[Execution]) -> list[Refused]:
        """Write, and die before anybody hears of it."""
        await super().write(executions)
        raise asyncio.CancelledError


async def run_jobs(stage: Stage, *names: str) -> None:
    """Let jobs run by hand and leave their records in the journal."""
    await stage.broker.enqueue(*names)
    await stage.broker.finish(*await stage.broker.fetch("hand", len(names)), worker="hand")


@asynccontextmanager
async def recording(
    stage: Stage, writer: HistoryWriter, name: str
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a recorder with a writer of our choice."""
    server, calls = stage.app.wiring.server, stage.app.wiring.calls
    async with server.lane() as reading, server.lane() as lane:
        recorder = Recorder(reading, lane, calls, writer, name, 3600, 1 << 30)
        task = asyncio.create_task(recorder.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a silent recorder for dead after 50 ms."""
    monkeypatch.setattr(journal, "DEAD_AFTER_MS", 50)
    monkeypatch.setattr(recorder_module, "ADOPT_EVERY", 0.05)


@pytest.mark.usefixtures("hasty")
async def test_died_after_the_commit(stage: Stage, history_url: str, ask: Ask) -> None:
    """What a dead recorder had written is taken over, written again, and changes nothing."""
    await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
    await run_jobs(stage, "a", "b", "c")
    async with recording(stage, Mortal(history_url), "mortal") as dying:
        await wait_until(dying.done, description="the end of a recorder")
    before = await arrived(ask, 3)
    assert len(await stage.rows()) == 3
    async with recording(stage, HistoryWriter(history_url), "heir"):
        await journal_is_empty(stage)
        assert await arrived(ask, 3) == before
    assert not await stage.broker.exists("a")


async def test_the_living_leave_each_other_alone(stage: Stage, history_url: str, ask: Ask) -> None:
    """Records of a recorder that lives are not taken over; it writes them when it can."""
    await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
    with blocked(history_url) as unblock:
        async with recording(stage, HistoryWriter(history_url), "one"):
            await run_jobs(stage, "a")
            await wait_until(lambda: waiting(ask), description="a recorder that waits")
            async with recording(stage, HistoryWriter(history_url), "two"):
                await run_jobs(stage, "b")
                await wait_until(lambda: waiting(ask) == 2, description="two recorders wait")
                unblock()
                await arrived(ask, 2)
                await journal_is_empty(stage)


@pytest.mark.usefixtures("hasty")
async def test_two_write_the_same(
    stage: Stage, history_url: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two recorders with the same records in their hands leave one row for each."""
    monkeypatch.setattr(Journal, "kept", lambda *_: nullcontext())
    await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
    names = [f"job-{n}" for n in range(200)]
    await run_jobs(stage, *names)
    with blocked(history_url) as unblock:
        async with (
            recording(stage, HistoryWriter(history_url), "one"),
            recording(stage, HistoryWriter(history_url), "two"),
        ):
            # The slow one, which says nothing, is taken for dead: the other adopts its records.
            await wait_until(lambda: waiting(ask) == 2, description="both wait for the table")
            unblock()
            await arrived(ask, 200)
            await journal_is_empty(stage)


async def test_postgresql_restarts_again_and_again(
    redis_url: str, breakable_postgres: PostgresServer
) -> None:
    """Killed in the middle of batches, PostgreSQL has each row once when all is over."""
    url = breakable_postgres.url
    migrate.upgrade(url)
    async with stage_on(redis_url, database_url=url) as stage:

        @stage.app.job()
        async def work(number: int) -> int:
            return number

        async with stage.app.scheduler() as one, stage.app.scheduler() as two, stage.app.worker():
            for round_ in range(3):
                await stage.app.enqueue_many(work.prepare(n) for n in range(500))
                await asyncio.to_thread(breakable_postgres.kill)
                await wait_until(lambda: one.problems or two.problems, description="a problem")
                await asyncio.to_thread(breakable_postgres.start)
                await arrived(asking(url), 500 * (round_ + 1), deadline=60)
            await journal_is_empty(stage)

            async def healthy() -> bool:
                return not [p for p in one.problems + two.problems if "can't" in p]

            await wait_until(healthy, description="health")
