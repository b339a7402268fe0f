"""Schedules fire once for each occurrence, whoever of several schedulers is first."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from jobqueue.domain.schedules import Cron, Every
from jobqueue.scheduler.firer import latest
from tests.support.stage import Stage, each_once
from tests.support.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_three_schedulers_fire_once(stage: Stage) -> None:
    """Three schedulers with the same schedule make one job for each occurrence."""

    @stage.app.every(0.5)
    @stage.app.job()
    async def tick() -> None:
        stage.log.append(1)

    app = stage.app
    async with app.scheduler(), app.scheduler(), app.scheduler(), app.worker():
        await stage.logged(4)
    rows = await stage.rows()
    each_once(rows)
    times = sorted(datetime.fromisoformat(row.job_id.partition("@")[2]) for row in rows)
    gaps = {later - sooner for sooner, later in pairwise(times)}
    assert gaps == {timedelta(seconds=0.5)}, "an occurrence is missing"


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


async def test_after_a_downtime_the_last_missed_occurrence_fires(stage: Stage) -> None:
    """A scheduler that was away for an hour fires once for it, not for each minute."""

    @stage.app.cron("* * * * *")
    @stage.app.job()
    async def tick() -> None: ...

    hour_ago = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000
    keys = stage.app.services.calls.keys
    async with stage.app.services.server.lane() as lane:
        await lane.command("HSET", keys.fired("default"), "tick", hour_ago)
        async with stage.app.scheduler():

            async def fired() -> bool:
                return int(await lane.command("HGET", keys.fired("default"), "tick")) > hour_ago

            await wait_until(fired, description="an occurrence has fired")
        assert await lane.command("XLEN", keys.stream("default", "ready:2")) == 1


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
    assert latest(rule, NOON - away, NOON) == expected
