"""Finding a job wherever it is, and counting queues."""

import asyncio
from functools import partial
from typing import Any

import pytest

from jobqueue import HistoryUnavailable, InvalidJob, JobConflict, JobNotFound, JobQueue, Retry
from jobqueue.cli.main import main
from jobqueue.domain.jobs import Priority
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.stage import Stage, stage_on

AWAY = "postgresql://nobody@127.0.0.1:1/nothing"


async def rows_of(app: JobQueue, job_id: str, count: int) -> Any:
    """Wait until the history has so many rows of a job; return it as it is found then."""

    async def found() -> Any:
        [job] = await app.find(job_id)
        return job if len(job.executions) == count else None

    return await wait_until(found, description=f"{count} rows of {job_id}")


async def test_waiting_jobs(stage: Stage) -> None:
    """What was enqueued can be read back, with the options that it was given."""
    job = stage.app.ref("send").options(
        priority="high", delay=60, timeout=2.5, retry=Retry(7, base=1), result_ttl=0
    )
    handle = await job.enqueue(to="ann", times=2)
    [found] = await stage.app.find(handle.id)
    assert (found.queue, found.name, found.state) == ("default", "send", "scheduled")
    assert (found.priority, found.attempts, found.deliveries) == (Priority.HIGH, 0, 0)
    assert found.arguments == {"to": "ann", "times": 2}
    assert (found.timeout, found.retry, found.result_ttl) == (2.5, Retry(7, base=1), 0.0)
    assert found.enqueued_at is not None
    assert found.due_at is not None
    assert (found.due_at - found.enqueued_at).total_seconds() == 60
    assert found.executions == ()


async def test_running_jobs(stage: Stage) -> None:
    """A running job names its worker and counts the attempt that is under way."""
    go = asyncio.Event()

    @stage.app.job()
    async def wait() -> None:
        await go.wait()

    async with stage.app.worker() as worker:
        handle = await wait.enqueue()
        await stage.reaches(handle.id, "running")
        [found] = await stage.app.find(handle.id)
        assert (found.worker, found.attempts, found.deliveries) == (worker.id, 1, 1)
        go.set()


async def test_retrying_jobs(recorded: Stage) -> None:
    """Between two attempts: the error of the last one, and when the next one is due."""

    @recorded.app.job(retry=Retry(3, base=60))
    async def fail() -> None:
        raise ValueError("not now")

    async with recorded.app.worker():
        handle = await fail.enqueue()
        found = await rows_of(recorded.app, handle.id, 1)
    assert (found.state, found.attempts) == ("retrying", 1)
    assert found.due_at is not None
    assert found.error is not None
    assert (found.error.type, found.error.message) == ("ValueError", "not now")
    assert "raise ValueError" in found.error.traceback


async def test_ended_jobs_are_known_with_and_without_redis(recorded: Stage) -> None:
    """What Redis has forgotten is answered by the history alone, with the same face."""

    @recorded.app.job()
    async def add(a: int, b: int) -> int:
        return a + b

    async with recorded.app.worker():
        handle = await add.options(priority="low").enqueue(1, 2)
        before = await rows_of(recorded.app, handle.id, 1)
    await recorded.broker.redis("FLUSHALL")
    [after] = await recorded.app.find(handle.id)
    for found in (before, after):
        assert (found.state, found.result, found.attempts) == ("succeeded", 3, 1)
        assert (found.name, found.priority) == ("add", Priority.LOW)
        assert found.arguments == {"a": 1, "b": 2}
    with pytest.raises(JobConflict, match="succeeded"):
        await recorded.app.cancel(handle.id)


async def test_cancelled_twice(stage: Stage) -> None:
    """The second time the job has ended, whoever asks, and in whichever form."""
    handle = await stage.app.ref("send").enqueue()
    assert await handle.cancel() == "ready"
    for cancel in (handle.cancel, partial(stage.app.cancel, handle.id)):
        with pytest.raises(JobConflict, match="cancelled"):
            await cancel()
    for cancel_sync in (handle.cancel_sync, partial(stage.app.cancel_sync, handle.id)):
        with pytest.raises(JobConflict, match="cancelled"):
            await asyncio.to_thread(cancel_sync)


async def test_a_job_that_redis_lost(recorded: Stage) -> None:
    """Without its end in the history nobody knows the state, and it is not guessed."""

    @recorded.app.job(retry=Retry(3, base=60))
    async def fail() -> None:
        raise ValueError

    async with recorded.app.worker():
        handle = await fail.enqueue()
        await rows_of(recorded.app, handle.id, 1)
    await recorded.broker.redis("FLUSHALL")
    [found] = await recorded.app.find(handle.id)
    assert found.state is None
    with pytest.raises(JobNotFound):
        await recorded.app.cancel(handle.id)


async def test_one_id_in_several_queues(stage: Stage) -> None:
    """Ids belong to a queue: each job is found, and one queue can be asked alone."""
    for queue in ("b", "a"):
        await stage.app.ref("send").options(queue=queue, job_id="mine").enqueue()
    assert [job.queue for job in await stage.app.find("mine")] == ["a", "b"]
    assert [job.queue for job in await stage.app.find("mine", queue="b")] == ["b"]
    with pytest.raises(JobNotFound):
        await stage.app.find("mine", queue="c")


@pytest.mark.parametrize("job_id", ["", "two words", "é"])
async def test_words_that_are_no_ids(stage: Stage, job_id: str) -> None:
    """What can't be an id is refused rather than looked for."""
    with pytest.raises(InvalidJob):
        await stage.app.find(job_id)


async def test_history_is_away(redis_url: str) -> None:
    """A job in Redis is shown all the same, with the problem; another one is not "not found"."""
    async with JobQueue(settings=Settings(redis_url=redis_url, database_url=AWAY)) as app:
        handle = await app.ref("send").enqueue()
        [found] = await app.find(handle.id)
        assert found.state == "ready"
        assert "PostgreSQL" in (found.history_problem or "")
        with pytest.raises(HistoryUnavailable):
            await app.find("another")


async def test_only_the_result_is_left(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it ran is not known while the history is away: it is neither shown nor repeated."""
    async with stage_on(redis_url) as stage:
        handle = await stage.app.ref("send").enqueue(1)
        await stage.broker.finish(await stage.broker.take(), fields=["result", "1"])
        await stage.broker.recorded(keep_ms=60_000)
        async with JobQueue(settings=Settings(redis_url=redis_url, database_url=AWAY)) as app:
            with pytest.raises(HistoryUnavailable):
                await app.reenqueue(handle.id)
        urls = ("--redis-url", redis_url, "--database-url", AWAY)
        for form in ([], ["--json"]):
            with pytest.raises(SystemExit):
                await asyncio.to_thread(main, ["jobs", "show", handle.id, *form, *urls])
    out = capsys.readouterr().out
    assert "succeeded" in out
    assert "arguments" not in out


async def test_counts(stage: Stage) -> None:
    """Each queue that ever had a job is counted, by priority and by name."""
    send = stage.app.ref("send")
    await stage.app.enqueue_many(send.options(priority="high").prepare() for _ in range(3))
    await send.options(delay=60).enqueue()
    await send.options(queue="other").enqueue()
    default, other = await stage.app.queue_counts()
    assert (default.name, default.ready[Priority.HIGH], default.scheduled) == ("default", 3, 1)
    assert default.names == {"send": {"ready": 3, "scheduled": 1}}
    assert (other.name, sum(other.ready.values())) == ("other", 1)
    assert [each.name for each in await stage.app.queue_counts(queue="other")] == ["other"]


async def test_living_services(stage: Stage) -> None:
    """Services are listed while they live, and can be asked for by their role."""
    async with stage.app.worker() as worker, stage.app.scheduler() as scheduler:

        async def all_there() -> bool:
            return len(await stage.app.living()) == 2

        await wait_until(all_there, description="both have said that they live")
        assert [each["id"] for each in await stage.app.living("worker")] == [worker.id]
        assert [each["id"] for each in await stage.app.living("scheduler")] == [scheduler.id]
    assert await stage.app.living() == []


def test_sync_forms(redis_url: str) -> None:
    """Programs without an event loop ask the same questions."""
    with JobQueue(settings=Settings(redis_url=redis_url)) as app:
        job_id = app.ref("send").enqueue_sync().id
        assert app.find_sync(job_id)[0].state == "ready"
        assert app.queue_counts_sync()[0].name == "default"
        assert app.living_sync() == []


async def test_sync_forms_refuse_a_running_loop(stage: Stage) -> None:
    """A blocking question on an event loop's thread says what to write instead."""
    with pytest.raises(RuntimeError, match=r"use await find\(\.\.\.\)"):
        stage.app.find_sync("mine")


async def test_a_job_cancelled_between_attempts(recorded: Stage) -> None:
    """It keeps the rows of its deliveries, and counts them: the last row is its end."""

    @recorded.app.job(retry=Retry(3, base=60))
    async def fail() -> None:
        raise ValueError("not now")

    async with recorded.app.worker():
        handle = await fail.enqueue()
        await rows_of(recorded.app, handle.id, 1)
    await recorded.app.cancel(handle.id, reason="vendor is gone")
    for _ in range(2):  # as Redis says it, and as the history does
        [found] = await recorded.app.find(handle.id)
        assert (found.state, found.attempts, found.deliveries) == ("cancelled", 1, 1)
        found = await rows_of(recorded.app, handle.id, 2)
    first, last = found.executions
    assert (first.outcome, first.final, first.attempt) == ("failed", False, 1)
    assert (last.outcome, last.final, last.attempt, last.delivery) == ("cancelled", True, 1, 0)
    assert last.started_at is None
    assert last.error_message == "vendor is gone"
