"""The recorder copies each journal record to one row, and only then lets Redis forget."""

import psycopg

from jobqueue import Retry
from jobqueue.embedded import PostgresServer
from jobqueue.history import migrate
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


def rows(url: str) -> list[tuple[str, str, int, bool]]:
    """Return job id, outcome, attempt and final of every row, in their order."""
    query = "SELECT job_id, outcome, attempt, final FROM jobqueue.job_executions ORDER BY id"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


async def arrive(url: str, count: int) -> list[tuple[str, str, int, bool]]:
    """Wait until so many rows are there."""
    return await wait_until(
        lambda: found if len(found := rows(url)) >= count else [],
        description=f"{count} rows in the history",
        deadline=30,
    )


async def forgotten(stage: Stage, job_id: str) -> None:
    """Wait until Redis has no record of a job."""
    keys = stage.app.wiring.calls.keys
    async with stage.app.wiring.server.lane() as lane:

        async def gone() -> bool:
            return not await lane.command("EXISTS", keys.job("default", job_id))

        await wait_until(gone, description=f"the record of {job_id} is gone")


async def test_two_recorders_write_each_row_once(stage: Stage, history_url: str) -> None:
    """A thousand jobs and two recorders: a row for each, and nothing left in the journal."""

    @stage.app.job()
    async def note() -> None: ...

    async with stage.app.scheduler(), stage.app.scheduler(), stage.app.worker():
        jobs = await stage.app.enqueue_many(note.prepare() for _ in range(1000))
        found = await arrive(history_url, 1000)
        await forgotten(stage, jobs[-1].id)
    assert sorted(row[0] for row in found) == sorted(job.id for job in jobs)
    assert await stage.rows() == []


async def test_attempts_become_rows_and_a_dead_letter(stage: Stage, history_url: str) -> None:
    """Every attempt has its row, the last one is final, and the letter holds the error."""

    @stage.app.job(retry=Retry(2, base=0.01, jitter="none"))
    async def fail(to: str) -> None:
        raise ValueError(to)

    async with stage.app.scheduler(), stage.app.worker():
        job = await fail.enqueue("nobody")
        found = await arrive(history_url, 3)
    assert found == [
        (job.id, "failed", 1, False),
        (job.id, "failed", 2, False),
        (job.id, "failed", 3, True),
    ]
    [letter] = await stage.app.dead_letters()
    assert (letter.job_id, letter.error_message, letter.reason) == (
        job.id, "nobody", "retries_exhausted",
    )  # fmt: skip


async def test_a_bad_record_stops_nobody(stage: Stage, history_url: str) -> None:
    """A record that nobody can read goes to journal:bad, and the next ones are written."""

    @stage.app.job()
    async def note() -> None: ...

    keys = stage.app.wiring.calls.keys
    async with stage.app.wiring.server.lane() as lane:
        await lane.command("XADD", keys.journal("default"), "*", "r", b"\xff\xff")
        async with stage.app.scheduler(), stage.app.worker():
            await note.enqueue()
            await arrive(history_url, 1)

            async def kept() -> bool:
                return bool(await lane.command("XLEN", keys.journal_bad("default")))

            await wait_until(kept, description="the bad record is kept")


async def test_postgresql_away_and_back(redis_url: str, breakable_postgres: PostgresServer) -> None:
    """Jobs go on while PostgreSQL is away; afterwards every row is there once."""
    url = breakable_postgres.url
    migrate.upgrade(url)
    async with stage_on(redis_url, database_url=url) as stage:

        @stage.app.job()
        async def note() -> None: ...

        breakable_postgres.kill()
        async with stage.app.scheduler(), stage.app.worker():
            jobs = await stage.app.enqueue_many(note.prepare() for _ in range(50))
            await stage.ended(*(job.id for job in jobs))
            breakable_postgres.start()
            found = await arrive(url, 50)
    assert sorted(row[0] for row in found) == sorted(job.id for job in jobs)


async def test_a_missing_schema_stops_the_recorder_alone(redis_url: str, postgres_url: str) -> None:
    """Without the schema the recorder stops and says what to run; promotion goes on."""
    async with stage_on(redis_url, database_url=postgres_url) as stage:

        @stage.app.job()
        async def note() -> None: ...

        async with stage.app.scheduler() as scheduler, stage.app.worker():
            job = await note.options(delay=0.1).enqueue()
            await stage.ended(job.id)
            await wait_until(lambda: scheduler.problems, description="the problem is said")
            assert "jobqueue db upgrade" in " ".join(scheduler.problems)
