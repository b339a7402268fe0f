"""Schedules fire once for each occurrence, whoever of several schedulers is first."""

from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import JobQueue, Unique, testing
from jobqueue.domain.occurrences import recent
from jobqueue.domain.schedules import Cron, Every
from jobqueue.settings import Settings
from tests.support.occurrences import in_a_row, occurrences
from tests.support.stage import Stage
from tests.support.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def app(jobqueue_connect: testing.Connect) -> JobQueue:
    """An app without jobs, whose clock can be moved."""
    return jobqueue_connect(JobQueue(settings=Settings()))


async def test_three_schedulers_fire_once(stage: Stage) -> None:
    """Three schedulers with the same schedule make one job for each occurrence."""

    @stage.app.every(0.5)
    @stage.app.job()
    async def tick() -> None:
        stage.log.append(1)

    app = stage.app
    async with app.scheduler(), app.scheduler(), app.scheduler(), app.worker():
        await in_a_row(stage, 5, timedelta(seconds=0.5))
    await occurrences(stage)


async def test_keys_of_a_schedule(stage: Stage) -> None:
    """An occurrence stands in the line of its lock; while its unique key is taken it is skipped."""

    @stage.app.every(0.3, name="in_line", lock="L")
    @stage.app.job()
    async def locked() -> None: ...

    @stage.app.every(0.3, name="alone")
    @stage.app.job(unique=Unique())
    async def alone() -> None: ...

    async with stage.app.scheduler():

        async def waiting() -> bool:
            [counts] = await stage.app.queue_counts(queue="default")
            names = counts.names
            return names.get("locked", {}).get("blocked", 0) >= 2 and "alone" in names

        await wait_until(waiting, description="occurrences in line")
    [counts] = await stage.app.queue_counts(queue="default")
    assert counts.names["locked"]["ready"] == 1
    assert counts.names["alone"] == {"ready": 1}
    other = await locked.options(lock="L").enqueue()
    assert other.status == "blocked"


async def test_a_new_schedule_never_fires_the_past(stage: Stage) -> None:
    """The first occurrence lies after the moment at which the schedule was first seen."""

    @stage.app.every(0.3)
    @stage.app.job()
    async def tick() -> None:
        stage.log.append(1)

    before = datetime.now(UTC)
    async with stage.app.scheduler(), stage.app.worker():
        await stage.logged(1)
    first = (await stage.rows())[0]
    assert datetime.fromisoformat(first.job_id.partition("@")[2]) > before


async def test_after_a_downtime_the_last_missed_occurrence_fires(app: JobQueue) -> None:
    """A scheduler that was away for an hour fires once for it, not for each minute."""

    @app.cron("* * * * *")
    @app.job()
    async def tick() -> None: ...

    with testing.clock(app) as clock:
        clock.move(hours=1)
        async with app.scheduler():
            await wait_until(lambda: testing.enqueued(app), description="an occurrence has fired")
        assert len(testing.enqueued(app)) == 1
        last = clock.now.replace(second=0, microsecond=0)
    assert testing.enqueued(app)[0].id == f"tick@{last:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("rule", "away", "expected"),
    [
        (Every(1), timedelta(days=3), NOON),
        (Every(3600), timedelta(minutes=30), NOON),
        (Cron("0 3 * * *"), timedelta(days=40), NOON.replace(hour=3)),
        (Cron("0 3 1 1 *"), timedelta(days=90), datetime(2026, 1, 1, 3, tzinfo=UTC)),
        (Cron("0 3 1 1 *"), timedelta(days=1), None),
        (Every(7200, anchor=NOON + timedelta(hours=1)), timedelta(minutes=10), None),
    ],
)
def test_latest(rule: Cron | Every, away: timedelta, expected: datetime | None) -> None:
    """The last occurrence of a downtime is found without walking through all of them."""
    found, _ = recent(rule, NOON - away, NOON, 1)
    assert found == ([expected] if expected else [])


async def test_a_clock_that_is_stepped(app: JobQueue) -> None:
    """Three schedulers, one of which ends, and a clock that jumps: each occurrence fires once."""

    @app.every(60, misfire="all")
    @app.job()
    async def tick() -> None: ...

    def fired() -> list[datetime]:
        ids = [job.id for job in testing.enqueued(app)]
        return sorted(datetime.fromisoformat(each.partition("@")[2]) for each in ids)

    with testing.clock(app) as clock:
        start = clock.now.replace(second=0, microsecond=0)
        expected: list[datetime] = []

        async def step(minutes: int) -> None:
            """Move the clock, and wait until all has fired that was ever due."""
            clock.move(minutes=minutes)
            while (following := start + timedelta(minutes=len(expected) + 1)) <= clock.now:
                expected.append(following)
            await wait_until(lambda: len(fired()) >= len(expected), description="all have fired")

        async with app.scheduler(), app.scheduler():
            async with app.scheduler():
                for minutes in (1, 5, -3, 2):
                    await step(minutes)
            await step(4)
    assert fired() == expected
