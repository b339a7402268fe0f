"""The clock that a test moves decides what the server's decides in production."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import (
    JobFailed,
    JobHandle,
    JobQueue,
    ResultGone,
    Snooze,
    State,
    Status,
    Unique,
    current_job,
    testing,
)
from jobqueue.broker.calls import FetchLimits
from jobqueue.settings import Settings
from jobqueue.testing import Connect

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def test_on_every_server(any_redis_url: str) -> None:
    """Due times and the ids of entries follow the clock, forward and back, whatever the server."""
    app = JobQueue(settings=Settings())

    @app.job()
    async def note() -> str:
        return current_job().enqueued_at.isoformat()

    async with testing.connect(app, any_redis_url):
        with testing.clock(app) as clock:
            times = [NOON, NOON + DAY, NOON - DAY]
            for moment in times:
                clock.move_to(moment)
                assert clock.now == moment
                await note.enqueue()
                await note.options(delay=60).enqueue()
                [ready, later] = testing.enqueued(app)
                assert (ready.enqueued_at, later.due_at) == (moment, moment + MINUTE)
                assert [job.result for job in await testing.run_until_idle(app)] == [
                    moment.isoformat()
                ]
                clock.move(seconds=59.999)
                assert await testing.run_until_idle(app) == []
                clock.move(milliseconds=1)
                assert len(await testing.run_until_idle(app)) == 1
        view = (await app.queue_counts())[0]
        assert view.running == sum(view.ready.values()) == view.scheduled == 0


async def test_it_stands_still_and_goes_on_afterwards(app: JobQueue) -> None:
    """Inside the block no time passes; after it the server's counts, also for new calls."""

    @app.job()
    async def note() -> None: ...

    with testing.clock(app) as clock:
        clock.move_to(NOON)
        first, second = [await note.enqueue() for _ in range(2)]
        assert {job.enqueued_at for job in testing.enqueued(app)} == {NOON}
        with testing.clock(app) as inner:
            assert inner.now == NOON, "a second clock begins where the first one stands"
            inner.move(days=1)
        assert clock.now == NOON
    third = await note.enqueue()
    times = {job.id: job.enqueued_at for job in testing.enqueued(app)}
    assert times[first.id] == times[second.id] == NOON
    assert times[third.id] < NOON


async def test_no_wait_is_made_of_moved_time(jobqueue_connect: Connect) -> None:
    """A job that became ready and ran at one moment has waited for none, in the history too."""
    app = jobqueue_connect(JobQueue(settings=Settings()), history=True)

    @app.job()
    async def note() -> None: ...

    with testing.clock(app) as clock:
        clock.move(days=3)
        job = await note.enqueue()
        await testing.run_until_idle(app)
        now = clock.now
    [row] = (await app.find(job.id))[0].executions
    assert abs(row.ready_at - now) < timedelta(seconds=5)
    assert row.wait_seconds is not None
    assert row.wait_seconds < 5


def test_a_moment_without_a_zone(app: JobQueue) -> None:
    """It is refused: whose noon would it be?"""
    with testing.clock(app) as clock, pytest.raises(ValueError, match="no time zone"):
        clock.move_to(datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake


async def test_snooze_and_expiry(app: JobQueue) -> None:
    """A snoozed job comes back in time; one that has not started in time never does."""

    @app.job()
    async def sleepy() -> int:
        if current_job().delivery == 1:
            raise Snooze(3600)
        return current_job().delivery

    with testing.clock(app) as clock:
        await sleepy.enqueue()
        [ran] = await testing.run_until_idle(app)
        assert (ran.state, ran.outcomes) == (State.SCHEDULED, ("snoozed",))
        clock.move(minutes=59)
        assert await testing.run_until_idle(app) == []
        await sleepy.options(expires=60, delay=30).enqueue()
        clock.move(minutes=1)
        ran_now = await testing.run_until_idle(app)
    assert sorted(job.state for job in ran_now) == [State.EXPIRED, State.SUCCEEDED]


async def test_deadline(app: JobQueue) -> None:
    """A job whose deadline is over never starts."""

    @app.job(deadline=60)
    async def note() -> None: ...

    with testing.clock(app) as clock:
        await note.enqueue()
        clock.move(seconds=61)
        [ran] = await testing.run_until_idle(app)
    assert (ran.state, ran.outcomes) == (State.DEAD, ("timed_out",))


async def test_lifetimes_of_keys(app: JobQueue) -> None:
    """A unique key with a time and an idempotency key end with the clock, not before."""

    @app.job(unique=Unique(until=60, on_conflict="return"))
    async def note() -> None: ...

    @app.job()
    async def pay() -> None: ...

    async def statuses() -> list[Status]:
        once = pay.options(idempotency_key="order 7")
        found = [(await note.enqueue()).status, (await once.enqueue()).status]
        await testing.run_until_idle(app)
        return found

    with testing.clock(app) as clock:
        assert await statuses() == [Status.CREATED, Status.CREATED]
        clock.move(seconds=55)
        assert await statuses() == [Status.DUPLICATE, Status.DUPLICATE]
        clock.move(seconds=5)
        assert await statuses() == [Status.CREATED, Status.DUPLICATE]
        clock.move(days=1)
        assert await statuses() == [Status.CREATED, Status.CREATED]


async def gone(app: JobQueue, job: JobHandle[Any]) -> None:
    """Look whether Redis knows nothing of a job, so that only a history can answer."""
    keys = app.wiring.calls.keys
    names = [keys.job("default", job.id), f"{keys.base('default')}state:{job.id}"]
    async with app.wiring.server.lane() as lane:
        assert await lane.command("EXISTS", *names) == 0
    if app.settings.database_url is None:
        with pytest.raises(ResultGone):
            await job.result(timeout=30)


@pytest.mark.parametrize("history", [False, True])
async def test_lifetimes_of_results(jobqueue_connect: Connect, history: bool) -> None:
    """A result is there until its time is over, its own or the app's, and no longer in Redis."""
    app = jobqueue_connect(JobQueue(settings=Settings(result_ttl=600.0)), history=history)

    @app.job()
    async def note(text: str) -> str:
        return text

    @app.job(retry=0)
    async def fail() -> None:
        raise ValueError("seen")

    with testing.clock(app) as clock:
        short = await note.options(result_ttl=60).enqueue("short")
        long, failed = await note.enqueue("long"), await fail.enqueue()
        await testing.run_until_idle(app)
        clock.move(seconds=59)
        assert await short.result(timeout=30) == "short"
        clock.move(seconds=1)
        await gone(app, short)
        assert await long.result(timeout=30) == "long"
        with pytest.raises(JobFailed, match="seen"):
            await failed.result(timeout=30)
        clock.move(hours=2)
        for job in (long, failed):
            await gone(app, job)
        again = await note.enqueue("again")
        assert len(await testing.run_until_idle(app)) == 1
        assert await again.result(timeout=30) == "again"


async def test_crons(app: JobQueue) -> None:
    """Each occurrence fires when the clock reaches it; of those in one step, the last one."""

    @app.cron("0 * * * *")
    @app.job()
    async def hourly() -> None: ...

    with testing.clock(app) as clock:
        clock.move_to(NOON)
        await testing.run_until_idle(app)
        found = []
        for hours in (0.5, 0.5, 1, 5):
            clock.move(hours=hours)
            found.append([job.id for job in await testing.run_until_idle(app)])
    assert found == [
        [],
        ["hourly@2030-01-01T13:00:00Z"],
        ["hourly@2030-01-01T14:00:00Z"],
        ["hourly@2030-01-01T19:00:00Z"],
    ]


async def test_a_lease_runs_out(jobqueue_connect: Connect) -> None:
    """What a worker held that is gone is taken back when the clock says so."""
    app = jobqueue_connect(JobQueue(settings=Settings(lease=2.0)))

    @app.job()
    async def note() -> int:
        return current_job().delivery

    with testing.clock(app) as clock:
        await note.enqueue()
        limits = FetchLimits(60_000, 1 << 30, 3)
        calls = app.wiring.calls
        async with app.wiring.server.lane() as lane:
            taken = await lane.call(calls.fetch("default", "gone", 1, 1, limits, alone=False))
        assert len(taken.deliveries) == 1
        clock.move(minutes=2)
        [ran] = await testing.run_until_idle(app)
    assert (ran.outcomes, ran.result) == (("lost", "succeeded"), 2)


async def test_services_beside_the_test(app: JobQueue) -> None:
    """A scheduler and a worker that run on their own follow the clock too."""

    @app.job()
    async def note() -> int:
        return 1

    with testing.clock(app) as clock:
        async with app.scheduler(), app.worker():
            job = await note.options(delay=3600).enqueue()
            clock.move(hours=1)
            assert await job.result(timeout=30) == 1
