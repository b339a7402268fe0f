"""Delayed jobs become ready when they are due, once, however many schedulers run."""

from datetime import UTC, datetime, timedelta

from tests.support.stage import Stage, each_once


async def test_never_early_and_soon_after(stage: Stage) -> None:
    """A delayed job starts after its due time by the Redis clock, and within a second of it.

    Of six one may be late by more: a machine stands still sometimes.
    """

    @stage.app.job()
    async def note() -> None: ...

    async with stage.app.scheduler(), stage.app.worker():
        delays = (0.05, 0.4, 0.9, 2.0, 3.0, 4.0)
        jobs = {delay: await note.options(delay=delay).enqueue() for delay in delays}
        late = 0
        for delay, job in jobs.items():
            [row] = await stage.ended(job.id)
            due_us = row.enqueued_ms * 1000 + delay * 1_000_000
            assert row.started_us >= due_us, "it started early"
            late += row.started_us - due_us > 1_000_000
        assert late <= 1


async def test_ten_thousand_at_once_with_two_schedulers(stage: Stage) -> None:
    """Two promoters race over the same due jobs, and each job runs once."""

    @stage.app.job()
    async def note() -> None: ...

    due = datetime.now(UTC) + timedelta(seconds=0.5)
    template = note.options(run_at=due)
    jobs = await stage.app.enqueue_many(template.prepare() for _ in range(10_000))
    async with stage.app.scheduler(), stage.app.scheduler(), stage.app.worker():
        rows = await stage.ended(*(job.id for job in jobs), deadline=60)
    each_once(rows)


async def test_an_earlier_job_wakes_the_scheduler(stage: Stage) -> None:
    """A job that is due before all others does not wait for their time."""

    @stage.app.job()
    async def note() -> None: ...

    async with stage.app.scheduler(), stage.app.worker():
        later = await note.options(delay=3600).enqueue()
        sooner = await note.options(delay=0.2).enqueue()
        await stage.ended(sooner.id)
        assert await stage.rows(later.id) == []
