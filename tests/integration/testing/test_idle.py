"""``run_until_idle``: all that can be done now is done, and said."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobqueue import JobFailed, JobQueue, Permanent, Rate, Retry, State, Unique, testing


async def test_jobs_and_what_they_enqueue(app: JobQueue) -> None:
    """Also into queues that nobody knew before."""

    @app.job(queue="one")
    async def outer(n: int) -> str:
        await inner.enqueue(n)
        await inner.options(queue="new").enqueue(n + 1)
        return "done"

    @app.job(queue="two")
    def inner(n: int) -> int:
        return n

    await outer.enqueue(1)
    ran = await testing.run_until_idle(app)
    assert [(job.queue, job.name, job.result) for job in ran] == [
        ("new", "inner", 2), ("one", "outer", "done"), ("two", "inner", 1),
    ]  # fmt: skip
    assert [job.arguments for job in ran] == [{"n": 2}, {"n": 1}, {"n": 1}]
    assert {job.state for job in ran} == {State.SUCCEEDED}
    assert {job.outcomes for job in ran} == {("succeeded",)}
    assert await testing.run_until_idle(app) == [], "the second run has nothing to say"


async def test_what_is_due_later_stays(app: JobQueue) -> None:
    """Delayed jobs and retries wait for the clock."""

    @app.job(retry=Retry(1, base=60))
    async def broken() -> None:
        raise LookupError("gone")

    await broken.enqueue()
    await broken.options(delay=3600).enqueue()
    [ran] = await testing.run_until_idle(app)
    assert (ran.state, ran.outcomes, ran.result) == (State.RETRYING, ("failed",), None)
    assert ran.error is not None
    assert (ran.error.type, ran.error.message) == ("LookupError", "gone")
    assert "raise LookupError" in ran.error.traceback
    states = [job.state for job in testing.enqueued(app)]
    assert states == [State.RETRYING, State.SCHEDULED]


async def test_check_raises_for_a_failure(app: JobQueue) -> None:
    """A dead letter and a retry that is to come are failures; all that could run has run."""

    @app.job(retry=Retry(3, base=3600))  # not again within this test
    async def work(n: int) -> int:
        if n == 1:
            raise LookupError("gone")
        if n == 2:
            raise Permanent("never")
        return n

    for n in range(2):
        await work.enqueue(n)
    with pytest.raises(JobFailed, match="LookupError: gone"):
        await testing.run_until_idle(app, check=True)
    await work.enqueue(2)
    with pytest.raises(JobFailed, match="never"):
        await testing.run_until_idle(app, check=True)
    last = await work.enqueue(3)
    await testing.run_until_idle(app, check=True)
    assert await last.result() == 3


async def test_every_way_to_end_is_told(app: JobQueue) -> None:
    """Jobs that scripts end leave a row without a run."""

    @app.job(unique=Unique(on_conflict="replace"))
    async def note() -> None: ...

    @app.job()
    async def hurry() -> None: ...

    with testing.clock(app) as clock:
        await note.enqueue()
        await note.enqueue()
        await hurry.options(expires=60).enqueue()
        clock.move(minutes=2)
        ran = await testing.run_until_idle(app)
    assert sorted((job.name, job.state, job.outcomes) for job in ran) == [
        ("hurry", State.EXPIRED, ("expired",)),
        ("note", State.SUCCEEDED, ("succeeded",)),
    ], "what was replaced had ended before"


async def test_locks_and_limits_hold(app: JobQueue) -> None:
    """Jobs in line run one after the other, without anybody else's help."""
    running: list[int] = []

    @app.job()
    async def work(n: int) -> int:
        running.append(n)
        await asyncio.sleep(0)
        assert running.pop() == n, "two at once"
        return n

    for n in range(4):
        await work.options(lock="one").enqueue(n)
    ran = await testing.run_until_idle(app, check=True)
    assert [job.result for job in ran] == [0, 1, 2, 3]


@pytest.mark.parametrize("whole_queue", [False, True])
async def test_a_rate_holds_jobs_back(app: JobQueue, *, whole_queue: bool) -> None:
    """What a rate does not allow now stays, and runs when the clock has moved."""
    rate = Rate(2, per=60)
    if whole_queue:
        app.queue("default", rate=rate)

    @app.job(rate=None if whole_queue else rate)
    async def call(n: int) -> int:
        return n

    with testing.clock(app) as clock:
        for n in range(5):
            await call.enqueue(n)
        runs = []
        for _ in range(3):
            runs.append([job.result for job in await testing.run_until_idle(app)])
            clock.move(seconds=61)
    assert runs == [[0, 1], [2, 3], [4]]


async def test_a_name_that_nobody_knows_stays(app: JobQueue) -> None:
    """It waits for a worker that has the code, and shows in the list."""
    await app.ref("nobody").enqueue(1)
    assert await testing.run_until_idle(app) == []
    assert [job.name for job in testing.enqueued(app)] == ["nobody"]


async def test_schedules_fire_only_when_the_clock_stands_still(app: JobQueue) -> None:
    """Real time may pass a minute in any test; that changes nothing."""

    @app.every(0.001)
    @app.job()
    async def tick() -> None: ...

    for _ in range(2):
        assert await testing.run_until_idle(app) == []


async def test_a_handler_that_hangs(app: JobQueue) -> None:
    """After the timeout the error lists what waits, and the handler is cancelled."""
    ended = asyncio.Event()

    @app.job(limit=1)
    async def hang(n: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return n

    for n in range(2):
        await hang.enqueue(n)
    with pytest.raises(TimeoutError, match=r"busy after 2 s; what waits:\n  hang\(n=\d\)"):
        await testing.run_until_idle(app, timeout=2)
    assert ended.is_set()


async def test_a_worker_that_can_not_run(app: JobQueue) -> None:
    """What ends the worker is raised at once."""
    rooms: dict[str, str] = {}

    @app.lifespan
    async def resources() -> AsyncIterator[str]:
        yield rooms["disk"]

    @app.job()
    async def note() -> None: ...

    await note.enqueue()
    with pytest.raises(LookupError, match="disk"):
        await testing.run_until_idle(app)
