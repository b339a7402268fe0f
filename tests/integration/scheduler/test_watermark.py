"""The watermark of a schedule: what has fired never fires again, and nothing is left out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobqueue import Priority
from jobqueue.scheduler.service import Service
from tests.support.occurrences import gaps, in_a_row, occurrences
from tests.support.proxy import proxy_to
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until


def ticking(stage: Stage, seconds: float, anchor: datetime | None = None) -> None:
    """Declare a job that comes again and again."""

    @stage.app.every(seconds, anchor=anchor, name="clock")
    @stage.app.job(queue="default", priority="high")
    async def tick() -> None:
        stage.log.append(1)


async def watermark(stage: Stage) -> int:
    """Return the last occurrence that fired, ms since the epoch; 0 for none."""
    return int(await stage.broker.redis("HGET", stage.broker.keys.fired("default"), "clock") or 0)


async def test_an_occurrence_is_a_job_like_others(stage: Stage) -> None:
    """Its id is made of the schedule's name and its time; queue and priority are the handler's."""
    ticking(stage, 0.2)
    async with stage.app.scheduler(), stage.app.worker():
        await stage.logged(2)
    row = (await stage.rows())[0]
    name, _, stamp = row.job_id.partition("@")
    assert (name, stamp[-1], row.name) == ("clock", "Z", "tick")
    assert (row.queue, row.priority, row.attempt) == ("default", Priority.HIGH, 1)
    moment = datetime.fromisoformat(stamp)
    assert moment.timestamp() * 1000 % 200 < 1
    assert row.enqueued_ms >= moment.timestamp() * 1000, "it fired early"


async def test_occurrences_between_milliseconds(stage: Stage) -> None:
    """A grid that lies between whole milliseconds loses no occurrence to rounding."""
    ticking(stage, 0.02, anchor=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=999))
    async with stage.app.scheduler(), stage.app.scheduler(), stage.app.worker():
        await stage.logged(60)
        await in_a_row(stage, 2, timedelta(seconds=0.02))


async def test_schedulers_die_one_after_the_other(stage: Stage) -> None:
    """Whichever scheduler is left goes on at once: no occurrence is missing or doubled."""
    ticking(stage, 2)  # a machine that stands still for less than that costs no occurrence
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.app.worker())
        services: list[Service] = [
            await stack.enter_async_context(stage.app.scheduler()) for _ in range(3)
        ]
        for n, service in enumerate(services):
            await stage.logged(n + 2)
            service.stop()
            await service.wait()
    times = await occurrences(stage)
    assert gaps(times) == {timedelta(seconds=2)}


async def test_it_only_moves_forward(stage: Stage) -> None:
    """A watermark ahead of the clock, after the clock was set back, is waited for."""
    ahead = await stage.broker.now_ms() + 700
    await stage.broker.redis("HSET", stage.broker.keys.fired("default"), "clock", ahead)
    ticking(stage, 0.1)
    async with stage.app.scheduler(), stage.app.worker():
        await stage.logged(2)
    times = await occurrences(stage)
    assert times[0].timestamp() * 1000 > ahead
    assert await watermark(stage) >= times[-1].timestamp() * 1000


async def test_a_new_schedule_begins_now(stage: Stage) -> None:
    """A schedule that nobody has seen is noted by the present and fires nothing of the past."""
    ticking(stage, 3600)
    before = await stage.broker.now_ms()
    async with stage.app.scheduler():
        mark = await wait_until(lambda: watermark(stage), description="a watermark")
    assert before <= mark <= await stage.broker.now_ms()
    assert await stage.broker.length("ready:1") == 0


async def test_each_downtime_costs_one_occurrence(stage: Stage) -> None:
    """After every downtime the latest missed occurrence fires, and is told apart by its time."""
    ticking(stage, 60)
    for _ in range(3):
        now = await stage.broker.now_ms()
        long_ago = now - 3 * 3_600_000
        await stage.broker.redis("HSET", stage.broker.keys.fired("default"), "clock", long_ago)
        async with stage.app.scheduler():

            async def fired(old: int = long_ago) -> bool:
                return await watermark(stage) > old

            await wait_until(fired, description="an occurrence")
        mark = await watermark(stage)
        assert now - 60_000 <= mark - mark % 60_000 <= now + 60_000
        assert mark % 60_000 == 0


@pytest.fixture
async def cut(redis_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """An app whose calls to ``fire`` lose some of their answers."""
    async with proxy_to(redis_url, tmp_path) as proxy, stage_on(redis_url) as direct:
        await direct.broker.run(direct.broker.firing("other", 1, id_="warm"))
        await direct.broker.redis("FLUSHALL")
        proxy.lose_reply("fire", 3)
        async with stage_on(redis_url, way=proxy.url) as stage:
            yield stage
        assert proxy.lost()


async def test_a_lost_answer_fires_nothing_twice(cut: Stage) -> None:
    """A scheduler that never heard that it fired asks Redis what has fired, and goes on."""
    ticking(cut, 0.3)
    async with cut.app.scheduler(), cut.app.worker():
        await cut.logged(6)
    times = await occurrences(cut)
    assert len(set(times)) == len(times)


async def test_two_schedules_of_one_job(stage: Stage) -> None:
    """Schedules are told apart by their names, whatever jobs they make."""

    @stage.app.every(0.3, name="often")
    @stage.app.cron("* * * * * *", seconds=True, name="each-second")
    @stage.app.job()
    async def tick() -> None:
        stage.log.append(1)

    async with stage.app.scheduler(), stage.app.worker():
        await stage.logged(8)
    rows = await stage.rows()
    each_once(rows)
    assert {row.job_id.partition("@")[0] for row in rows} == {"often", "each-second"}
