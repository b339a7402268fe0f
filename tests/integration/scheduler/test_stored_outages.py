"""Schedules stored in PostgreSQL while a server is away, silent, or has other rows than ours."""

import asyncio
import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from time import monotonic

import psycopg
import pytest

from jobqueue import HistoryUnavailable, Timing
from jobqueue.embedded import PostgresServer
from jobqueue.history import migrate
from jobqueue.scheduler import stored as scheduler_stored
from jobqueue.scheduler.stored import Stored
from jobqueue.scheduler.timetable import Timetable
from tests.support import wait_until
from tests.support.ports import free_port
from tests.support.schedules import Note, ledger
from tests.support.stage import Stage, stage_on


async def test_without_postgresql(redis_url: str, breakable_postgres: PostgresServer) -> None:
    """The last known schedules go on, in schedulers that run and in those that start meanwhile.

    What became of their occurrences reaches the ledger when PostgreSQL is back.
    """
    migrate.upgrade(breakable_postgres.url)
    async with stage_on(redis_url, database_url=breakable_postgres.url) as stage:
        app = stage.app

        @app.job()
        async def tick() -> None:
            stage.log.append(1)

        async with app.worker():
            async with app.scheduler() as running:
                await app.add_schedule("clock", tick, Timing(every=0.3))
                await stage.logged(1)
                breakable_postgres.kill()
                await wait_until(lambda: running.problems, description="it is noticed")
                await stage.logged(len(stage.log) + 3)
            async with app.scheduler():
                await stage.logged(len(stage.log) + 3)
                breakable_postgres.start()
                rows = await ledger(stage, "clock", len(stage.log))
    times = [row.occurrence for row in rows]
    assert len(set(times)) == len(times) == (times[-1] - times[0]) / timedelta(seconds=0.3) + 1


async def test_from_the_start_without_postgresql(redis_url: str) -> None:
    """A scheduler that never saw PostgreSQL fires what is in code, at once."""
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    async with stage_on(redis_url, database_url=url) as stage:

        @stage.app.every(0.2)
        @stage.app.job()
        async def tick() -> None:
            stage.log.append(1)

        async with stage.app.scheduler(), stage.app.worker():
            await stage.logged(2)
        assert int(await stage.broker.redis("XLEN", stage.broker.keys.ledger("default"))) >= 2


async def test_a_silent_postgresql(stored: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The firer waits no longer for an answer than it says, though nothing can be cancelled."""
    monkeypatch.setattr(scheduler_stored, "SEED", 0.5)
    url, keys = stored.app.settings.required("database_url"), stored.broker.keys
    seeds = Stored(url, stored.broker.lane, keys, Timetable([]), [])
    with (
        psycopg.connect(url) as locking,
        psycopg.connect(url, autocommit=True) as watching,
        ExitStack() as stack,
    ):
        locking.execute("LOCK TABLE jobqueue.schedule_occurrences")
        asked = asyncio.create_task(seeds.seed("clock"))

        def waiting() -> int:
            found = watching.execute(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            ).fetchone()
            return int(found[0]) if found else 0

        pid = await wait_until(waiting, description="it waits for the table")
        os.kill(pid, signal.SIGSTOP)
        stack.callback(os.kill, pid, signal.SIGCONT)
        began = monotonic()
        with pytest.raises(HistoryUnavailable, match="does not answer"):
            await asked
        assert monotonic() - began < 4, "it waited for the cancellation"


async def test_rows_that_cannot_be_read(stored: Stage, note: Note) -> None:
    """A schedule of a newer version, or spoilt by hand, keeps no other from firing."""
    app, words = stored.app, {"word": "x"}
    for name, timing in (("odd", Timing(every=3)), ("empty", Timing(cron="@daily"))):
        await app.add_schedule(name, note, timing, arguments=words)
    with psycopg.connect(app.settings.required("database_url")) as connection:
        for name, text in (("odd", '{"every": "soon"}'), ("empty", "{}")):
            connection.execute(
                "UPDATE jobqueue.schedules SET timing = %s WHERE name = %s", (text, name)
            )
    locked = note.options(lock="L")
    await app.add_schedule("clock", locked, Timing(every=0.2), arguments=words)
    async with app.scheduler() as running:
        await ledger(stored, "clock", 2)
        assert running.problems == []
    assert [each.name for each in await app.schedules()] == ["clock", "empty"]
    assert await app.remove_schedules("odd") == ["odd"]


async def test_a_trigger_whose_row_comes_later(stored: Stage, note: Note) -> None:
    """Once the job is enqueued the command has succeeded, whatever becomes of the ledger."""
    await stored.app.add_schedule("clock", note, Timing(cron="@daily"), arguments={"word": "x"})
    with psycopg.connect(stored.app.settings.required("database_url")) as connection:
        connection.execute("ALTER TABLE jobqueue.schedule_occurrences RENAME TO elsewhere")
    job = await stored.app.trigger_schedule("clock")
    assert await stored.app.find(job)
    [row] = await stored.broker.ledger()
    assert (row.job_id, row.triggered) == (job, True)


async def test_redis_forgot(stored: Stage, note: Note) -> None:
    """Where Redis lost all, a schedule goes on from the last occurrence that the ledger has."""
    app = stored.app
    await app.add_schedule("clock", note, Timing(every=0.5), arguments={"word": "x"})
    async with app.scheduler():
        last = (await ledger(stored, "clock", 2))[-1].occurrence
    last = (await ledger(stored, "clock", 2))[-1].occurrence
    await stored.broker.redis("FLUSHALL")
    async with app.scheduler():
        rows = await wait_until(lambda: ledger(stored, "clock", 4), description="it goes on")
    after = [row.occurrence for row in rows if row.occurrence > last]
    assert after[0] == last + timedelta(seconds=0.5)


async def test_paused_while_redis_is_away(redis_url: str, history_url: str) -> None:
    """What PostgreSQL says holds: a pause given then is not lost, and a resume after it wins."""
    async with (
        stage_on(redis_url, database_url=history_url) as stage,
        stage_on(f"redis://127.0.0.1:{free_port()}", database_url=history_url) as away,
    ):
        for each in ("paused", "resumed"):
            job = stage.app.ref("tick").options(lock=each)
            await stage.app.add_schedule(each, job, Timing(every=0.3))
        await stage.app.pause_schedule("resumed")
        for each in ("paused", "resumed"):
            await away.app.pause_schedule(each, reason="Redis is away")
        assert await away.app.resume_schedule("resumed")
        now = datetime.now(UTC)
        async with stage.app.scheduler():
            rows = await ledger(stage, "resumed", 2)
            skipped = await ledger(stage, "paused", 2)
    assert {row.outcome for row in rows} == {"enqueued"}
    assert rows[0].occurrence > now - timedelta(seconds=1), "what was skipped stays so"
    assert {row.reason for row in skipped} == {"paused"}
