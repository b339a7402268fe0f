"""A wrong schema stops the recorder, with one line, and nothing else."""

import asyncio
import logging

import psycopg
import pytest

from jobqueue import SchemaMismatch
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what recorders and schedulers warned of."""
    return [
        f"{each.message}: {getattr(each, 'error', '')}"
        for each in caplog.records
        if each.levelno >= logging.WARNING and each.name.startswith("jobqueue.")
    ]


@pytest.mark.parametrize("schema", ["missing", "older", "newer"])
async def test_one_line_says_what_to_run(
    redis_url: str,
    history_url: str,
    postgres_url: str,
    caplog: pytest.LogCaptureFixture,
    schema: str,
) -> None:
    """Jobs run, are promoted and fired; their records wait; one log line and health say why."""
    url = postgres_url if schema == "missing" else history_url
    if schema != "missing":
        with psycopg.connect(url) as connection:
            version = "0000_old" if schema == "older" else "9999_new"
            connection.execute("UPDATE jobqueue.alembic_version SET version_num = %s", (version,))
            connection.execute("COMMENT ON TABLE jobqueue.alembic_version IS 'oldest code: 9999'")
    async with stage_on(redis_url, database_url=url) as stage:

        @stage.app.every(0.1)
        @stage.app.job()
        async def tick() -> None:
            stage.log.append("tick")

        @stage.app.job()
        async def late() -> None: ...

        async with stage.app.scheduler() as scheduler, stage.app.worker():
            job = await late.options(delay=0.1).enqueue()
            await stage.ended(job.id)
            await stage.logged(3)
            await wait_until(lambda: complaints(caplog), description="the recorder has stopped")
            [problem] = set(scheduler.problems)
        assert len(await stage.rows(job.id)) == 1
    [line] = complaints(caplog)
    # All find it out, and whichever is first says it.
    assert line in {f"{duty} stopped: {problem}" for duty in ("recorder", "schedules", "upkeep")}
    assert ("upgrade the package" if schema == "newer" else "`jobqueue db upgrade`") in problem


async def test_a_lone_recorder_ends(redis_url: str, postgres_url: str) -> None:
    """A recorder that runs alone has nothing else to do: it ends with the error, and at once."""
    async with stage_on(redis_url, database_url=postgres_url) as stage:
        recorder = await stage.app.services.recorder()
        with pytest.raises(SchemaMismatch, match="run `jobqueue db upgrade`"):
            await recorder.run()


async def test_a_lone_recorder_writes(stage: Stage) -> None:
    """A recorder that runs alone writes rows; promotion is not its business."""

    @stage.app.job()
    async def work() -> None: ...

    recorder = await stage.app.services.recorder()
    async with stage.app.worker():
        job = await work.enqueue()
        await stage.ended(job.id)
    await work.options(delay=0.001).enqueue()
    running = asyncio.create_task(recorder.run())

    async def forgotten() -> bool:
        return not await stage.broker.exists(job.id)

    await wait_until(forgotten, description="the record written and forgotten")
    recorder.stop()
    await running
    assert await stage.broker.redis("ZCARD", stage.broker.keys.scheduled("default")) == 1
