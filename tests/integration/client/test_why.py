"""Why a job is where it is: each answer on real servers."""

import asyncio
import re
from typing import Any

import pytest

from jobqueue import ConfigurationError, JobConflict, JobNotFound, JobQueue, Limit, Rate, Retry, Why
from jobqueue.settings import Settings
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


def kinds(why: Why) -> list[str]:
    """Return what holds a job, in a word each."""
    return [each.kind for each in why.reasons]


async def becomes(app: JobQueue, job_id: str, kind: str) -> Why:
    """Wait until a job is held by something, first of all."""

    async def found() -> Any:
        why = await app.why(job_id)
        return why if why.reasons[0].kind == kind else None

    found_why: Why = await wait_until(found, description=f"{job_id} is held by {kind}")
    return found_why


async def test_without_workers(stage: Stage) -> None:
    """A job that is ready, or will be, is told that nobody lives who could run it."""
    send = stage.app.ref("send")
    now, later = await send.enqueue(), await send.options(delay=60).enqueue()
    why = await stage.app.why(now.id)
    assert kinds(why) == ["no_worker", "ahead"]
    assert why.text == "no live worker serves queue default"
    assert why.reasons[0].command == "jobqueue worker MODULE:APP --queues default"
    why = await stage.app.why(later.id)
    assert kinds(why) == ["due", "no_scheduler", "no_worker"]
    assert why.text.startswith("it is not due until 20")
    [found] = await stage.app.find(later.id)
    assert why.reasons[0].at == found.due_at


async def test_overdue(stage: Stage) -> None:
    """What is due and not made ready waits for a scheduler, and for nothing before that."""
    handle = await stage.app.ref("send").options(delay=60).enqueue()
    ago = await stage.broker.now_ms() - 60_000
    await stage.broker.redis("ZADD", stage.broker.key("scheduled"), "XX", ago, handle.id)
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["no_scheduler", "due", "no_worker"]
    assert why.reasons[0].command == "jobqueue scheduler"


async def test_expires(stage: Stage) -> None:
    """A job that may end without a run is told when."""
    handle = await stage.app.ref("send").options(expires=60).enqueue()
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["no_worker", "ahead", "expires"]


async def test_deadline(stage: Stage) -> None:
    """One that ends at its deadline as well."""
    handle = await stage.app.ref("send").options(deadline=60).enqueue()
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["no_worker", "ahead", "deadline"]
    assert "it is a dead letter at its deadline" in why.reasons[-1].text


async def test_in_line(stage: Stage) -> None:
    """Those before it are counted, higher priorities first, and the next one is told so."""
    send = stage.app.ref("send")
    await stage.app.enqueue_many(send.prepare() for _ in range(3))
    handle = await send.enqueue()
    await stage.app.enqueue_many(send.options(priority="high").prepare() for _ in range(2))
    await stage.app.enqueue_many(send.options(priority="low").prepare() for _ in range(2))
    why = await stage.app.why(handle.id)
    assert why.reasons[-1].ahead == 5
    assert why.reasons[-1].text == "5 jobs are ahead of it in queue default"
    first = await send.options(priority="critical").enqueue()
    assert (await stage.app.why(first.id)).reasons[-1].text == "it is the next of queue default"


async def test_slots_are_taken(stage: Stage) -> None:
    """With every slot taken the one in line learns by how many, and the other who runs it."""
    go = asyncio.Event()

    @stage.app.job()
    async def wait() -> None:
        await go.wait()

    async with stage.app.worker(concurrency=1) as worker:
        first = await wait.enqueue()
        why = await becomes(stage.app, first.id, "running")
        assert why.reasons[0].worker == worker.id
        assert why.reasons[0].at is not None
        assert f"on worker {worker.id} since" in why.text
        second = await wait.enqueue()
        why = await becomes(stage.app, second.id, "ahead")
        assert why.text.startswith("it is the next of queue default")
        await first.cancel(reason="too slow")
        await becomes(stage.app, second.id, "running")
        go.set()


async def test_locked(stage: Stage) -> None:
    """A job in the line of a lock names the holder, where that runs, and how many come first."""
    go = asyncio.Event()

    @stage.app.job()
    async def wait() -> None:
        await go.wait()

    locked = wait.options(lock="user:42")
    async with stage.app.worker() as worker:
        holder, _, last = [await locked.enqueue() for _ in range(3)]
        await becomes(stage.app, holder.id, "running")
        why = await stage.app.why(last.id)
        assert kinds(why) == ["lock"]
        reason = why.reasons[0]
        assert (reason.other, reason.worker, reason.ahead) == (holder.id, worker.id, 1)
        assert why.text.startswith(f"its lock 'user:42' is held by job {holder.id}, which runs on")
        assert why.text.endswith("; 1 job in line before this one")
        assert reason.command == f"jobqueue why {holder.id} --queue default"
        go.set()


async def test_a_lock_whose_holder_waits(stage: Stage) -> None:
    """The holder of a lock may itself be ready only."""
    locked = stage.app.ref("send").options(lock="k")
    holder, second = await locked.enqueue(), await locked.enqueue()
    why = await stage.app.why(second.id)
    assert kinds(why) == ["lock", "no_worker"]
    assert why.text == f"its lock 'k' is held by job {holder.id}, which is ready itself"


async def test_limited(stage: Stage) -> None:
    """A full concurrency limit says how many run, and how many wait before this one."""
    go = asyncio.Event()

    @stage.app.job(limit=Limit(2))
    async def wait() -> None:
        await go.wait()

    async with stage.app.worker():
        handles = [await wait.enqueue() for _ in range(4)]
        why = await becomes(stage.app, handles[3].id, "limit")
        assert why.text == (
            "concurrency limit limit:job:wait is full: 2 of 2 run; 1 job before this one"
        )
        assert why.reasons[0].command == "jobqueue limits set default limit:job:wait VALUE"
        go.set()


async def test_rated(stage: Stage) -> None:
    """A rate says when it lets each of those that wait start: one after the other."""

    @stage.app.job(rate=Rate(2, per=60))
    async def work() -> None:
        stage.log.append(1)

    async with stage.app.worker(), stage.app.scheduler():
        handles = [await work.enqueue() for _ in range(5)]
        await stage.logged(2)
        third, fourth, fifth = [
            (await becomes(stage.app, each.id, "rate")).reasons[0] for each in handles[2:]
        ]
    assert third.at is not None
    assert fourth.at is not None
    assert fifth.at is not None
    assert (third.ahead, fourth.ahead, fifth.ahead) == (0, 1, 2)
    assert third.at <= fourth.at
    assert (fifth.at - third.at).total_seconds() == pytest.approx(60, abs=0.1)
    assert third.text.startswith("rate limit rate:job:work (2 in 1m) frees in ")


async def test_a_limit_of_the_queue(stage: Stage) -> None:
    """Jobs stay in line behind a limit of the whole queue, and hear of it."""
    go = asyncio.Event()

    @stage.app.job()
    async def wait() -> None:
        await go.wait()

    await stage.app.set_limit("default", "limit:queue", 1)
    async with stage.app.worker():
        first, second = await wait.enqueue(), await wait.enqueue()
        await becomes(stage.app, first.id, "running")
        why = await becomes(stage.app, second.id, "limit")
        assert why.text == "concurrency limit limit:queue is full: 1 of 1 run"
        go.set()


async def test_paused(stage: Stage) -> None:
    """Pauses come first: of everything, of the queue, or of all its workers; by whom and why."""

    @stage.app.job()
    async def work() -> None: ...

    async with stage.app.worker() as worker:
        await wait_until(stage.app.list_workers, description="the worker says that it lives")
        await stage.app.pause_worker(worker.id, reason="hot", operator="ann")
        handle = await work.enqueue()
        why = await becomes(stage.app, handle.id, "worker_paused")
        assert f"; {worker.id} is paused by ann since 20" in why.text
        assert why.reasons[0].command == f"jobqueue resume --worker {worker.id}"
        await stage.app.pause("default", reason="deploy", operator="bob")
        why = await becomes(stage.app, handle.id, "paused")
        assert why.text.startswith("queue default is paused by bob since 20")
        assert why.text.endswith(": deploy")
        assert why.reasons[0].command == "jobqueue resume default"
        await stage.app.resume("default")
        await stage.app.pause_all(operator="cid")
        why = await becomes(stage.app, handle.id, "paused")
        assert why.text.startswith("everything is paused by cid since 20")
        assert why.reasons[0].command == "jobqueue resume --all"
        await stage.app.resume_all()


async def test_paused_before_it_was_known(stage: Stage) -> None:
    """A queue that came after the pause of everything, or of itself, is told of both."""
    await stage.app.pause_all(operator="cid")
    await stage.app.pause("later", operator="bob")
    await stage.app.pause("other", operator="bob")
    handle = await stage.app.ref("send").options(queue="later").enqueue()
    await stage.broker.redis("DEL", stage.broker.keys.rules("later"))  # as in a queue that is split
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["paused", "paused", "no_worker", "ahead"]
    assert why.text.startswith("everything is paused by cid since 20")
    assert why.reasons[1].text.startswith("queue later is paused by bob since 20")


async def test_unknown_names(stage: Stage) -> None:
    """A name that no worker of the queue knows, before and after it was handed back."""

    @stage.app.job()
    async def known() -> None: ...

    async with stage.app.worker():
        handle = await stage.app.ref("nown").enqueue()
        why = await becomes(stage.app, handle.id, "unknown_name")
        assert "none knows nown; it is tried again at" in why.text
        assert why.reasons[0].command == f"jobqueue jobs cancel {handle.id} --queue default"
        later = await stage.app.ref("nown").options(delay=60).enqueue()
        why = await stage.app.why(later.id)
        assert kinds(why) == ["due", "no_scheduler", "unknown_name"]
        said = "; did you mean 'known'? Else deploy code that has nown"
        assert why.reasons[-1].text == f"no live worker of queue default knows nown{said}"


async def test_retrying(stage: Stage) -> None:
    """Between two attempts: when the next one is due."""

    @stage.app.job(retry=Retry(3, base=60))
    async def fail() -> None:
        raise ValueError

    async with stage.app.worker(), stage.app.scheduler():
        handle = await fail.enqueue()
        why = await becomes(stage.app, handle.id, "retry")
    assert why.text.startswith("attempt 1 failed; the next one is due at ")
    assert why.reasons[0].at is not None


async def test_full_journal(stage: Stage) -> None:
    """A job that waits for the recorder says so, with the command that starts one."""

    @stage.app.job()
    async def done() -> None: ...

    async with stage.app.worker():
        ended = await done.enqueue()
        await stage.ended(ended.id)
    size = stage.broker.key("journal:size")
    await stage.broker.redis("INCRBY", size, 1 << 40)
    why = await stage.app.why((await stage.app.ref("done").enqueue()).id)
    await stage.broker.redis("DECRBY", size, 1 << 40)
    assert kinds(why) == ["journal", "no_worker", "ahead"]
    assert why.text.startswith("workers take nothing before a recorder has written 1 row: ")
    assert why.text.endswith("; no recorder lives")
    assert why.reasons[0].command == "jobqueue recorder"
    assert kinds(await stage.app.why(ended.id)) == ["succeeded", "unrecorded"]


async def test_lost_worker(stage: Stage) -> None:
    """A worker whose lease is over is called silent, not running."""
    handle = await stage.app.ref("send").enqueue()
    await stage.broker.fetch("w1")
    await stage.broker.lapse("w1")
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["lost_worker", "no_worker"]
    assert why.text.startswith("worker w1 has been silent since its lease ended at ")
    await stage.broker.crash("w1")


async def test_last_life(stage: Stage) -> None:
    """A job that must not take another such job with it waits for a worker without one."""
    for job_id in ("a", "b"):
        await stage.app.ref("send").options(job_id=job_id).enqueue()
    for _ in range(2):
        await stage.broker.fetch("w0")
        await stage.broker.crash("w0")
    await stage.broker.fetch("w1", 1)
    await stage.broker.fetch("w1", 1, alone=True)
    why = await stage.app.why("b")
    assert kinds(why) == ["no_worker", "last_life"]
    assert "2 workers died while running it" in why.reasons[-1].text
    await stage.broker.crash("w1", budget=9)


async def test_told_to_stop(stage: Stage) -> None:
    """A job that runs on after it was cancelled says who was told, and why."""
    handle = await stage.app.ref("send").enqueue()
    await stage.broker.fetch("w1")
    await stage.app.cancel(handle.id, reason="too slow")
    why = await stage.app.why(handle.id)
    assert kinds(why) == ["cancelling"]
    assert why.text.startswith("it was told to stop (too slow) and still runs on worker w1 since")
    await stage.broker.crash("w1")


async def test_ends(redis_url: str, history_url: str) -> None:
    """A job that has ended says how: done, dead, cancelled or expired; Redis may have forgotten."""
    async with stage_on(redis_url, database_url=history_url) as stage, stage.app.scheduler():

        @stage.app.job(retry=0)
        async def run(n: int) -> float:
            return 1 / n

        cancelled, expired = (
            await run.enqueue(1),
            await run.options(expires=0.001).enqueue(1),
        )
        await becomes(stage.app, expired.id, "expired")
        await cancelled.cancel(reason="not needed")
        async with stage.app.worker() as worker:
            done, dead = await run.enqueue(1), await run.enqueue(0)

            async def recorded() -> bool:
                found = [(await stage.app.find(each.id))[0] for each in (done, dead, cancelled)]
                return all(job.executions for job in found)

            await wait_until(recorded, description="the rows of all jobs")
        texts = {each: await stage.app.why(each.id) for each in (done, dead, cancelled, expired)}
        assert texts[done].text.endswith(f" on worker {worker.id}, in attempt 1")
        died = texts[dead]
        assert died.text.endswith(
            " (retries_exhausted after 1 attempt): ZeroDivisionError: division by zero"
        )
        assert died.reasons[0].command == f"jobqueue dlq retry {dead.id}"
        assert texts[cancelled].text.endswith(": not needed")
        assert " by " not in texts[cancelled].text, "no operator did"
        assert texts[expired].text.endswith(", since it had not started by then")
        await stage.app.delete_dead_letters([dead.id], operator="ann", reason="no use")
        why = await stage.app.why(dead.id)
        assert why.reasons[0].command == f"jobqueue jobs show {dead.id}"
        gone = " by ann (no use) and can't be put back"
        assert "; its dead letter was deleted at 20" in why.text
        assert why.text.endswith(gone)
        with pytest.raises(JobConflict, match=re.escape(gone)):
            await stage.app.reenqueue(dead.id)


async def test_no_such_job(stage: Stage) -> None:
    """An unknown id is not found; one of several queues has to be named."""
    with pytest.raises(JobNotFound):
        await stage.app.why("nobody")
    for queue in ("a", "b"):
        await stage.app.ref("send").options(queue=queue, job_id="mine").enqueue()
    with pytest.raises(ConfigurationError, match="queues a, b each have a job mine: name one"):
        await stage.app.why("mine")
    assert (await stage.app.why("mine", queue="b")).queue == "b"


def test_sync_form(redis_url: str) -> None:
    """Programs without an event loop ask the same."""
    with JobQueue(settings=Settings(redis_url=redis_url)) as app:
        found: Any = app.why_sync(app.ref("send").enqueue_sync().id)
        assert kinds(found) == ["no_worker", "ahead"]
