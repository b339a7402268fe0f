"""What operators do to a queue in partitions: it holds for all of them."""

from typing import Any

from jobqueue import Priority, State, Swept, current_job

from .conftest import PARTITIONS, Split

HOUR = 3600.0


async def test_pause(split: Split) -> None:
    """A paused queue is paused in each partition, for workers of each kind, and resumed in each."""

    @split.app.job(queue="mail")
    async def send() -> None:
        split.log.append(current_job().id)

    await split.app.enqueue_many([send.prepare()])  # the queue is split from here on
    await split.app.pause("mail", reason="why")
    jobs = await split.app.enqueue_many(send.prepare() for _ in range(4 * PARTITIONS))
    for place in [f"mail#{k}" for k in range(PARTITIONS)]:
        split.broker.queue = place
        assert await split.broker.fetch("w") == []
    async with split.app.worker(queues=["mail"]):
        [each] = await split.app.pauses()
        assert (each.queue, each.reason) == ("mail", "why")
        counts = {view.name: view for view in await split.app.queue_counts()}
        assert sum(counts["mail"].ready.values()) == len(jobs) + 1
        assert await split.app.resume("mail")
        await split.logged(len(jobs) + 1)


async def test_a_worker_of_a_queue_that_is_new(split: Split) -> None:
    """A pause from before the split holds in the partitions, as soon as a worker serves them."""
    await split.other().pause("mail")

    @split.app.job(queue="mail")
    async def send() -> None:
        split.log.append(current_job().id)

    jobs = await split.app.enqueue_many([send.prepare() for _ in range(PARTITIONS)])
    async with split.app.worker(queues=["mail"]):
        counts = {view.name: view for view in await split.app.queue_counts()}
        assert sum(counts["mail"].ready.values()) == len(jobs)
        await split.app.resume("mail")
        await split.logged(len(jobs))


async def test_sweeps(split: Split) -> None:
    """A purge and a bulk cancel find the jobs of all partitions, with their lines."""

    @split.app.job(queue="mail")
    async def send(_n: int) -> None:
        """Never run."""

    def some(n: int, **options: Any) -> list[Any]:
        return [send.options(**options).prepare(each) for each in range(n)]

    await split.app.enqueue_many(some(30, tags=["x"]) + some(5, lock="l") + some(5, delay=HOUR))
    await split.app.enqueue_many(some(7, priority="low"))
    assert await split.app.cancel_all(tag="x", dry_run=True) == Swept(30, 0)
    assert await split.app.cancel_all(queue="mail", tag="x") == Swept(30, 0)
    assert await split.app.purge("mail", priority="low") == 7
    assert await split.app.purge("mail", dry_run=True) == 10
    assert await split.app.purge("mail") == 10
    counts = {view.name: view for view in await split.app.queue_counts()}
    assert (sum(counts["mail"].ready.values()), counts["mail"].scheduled) == (0, 0)


async def test_single_jobs(split: Split) -> None:
    """A job is found in its partition, whatever is done to it."""

    @split.app.job(queue="mail")
    async def send() -> None:
        split.log.append(current_job().id)

    job, late = await send.enqueue(), await send.options(delay=HOUR).enqueue()
    assert await split.app.set_priority(job.id, "critical") is State.READY
    assert await split.app.run_now(late.id) is State.SCHEDULED
    assert await split.app.delete(late.id) is State.READY
    [found] = await split.app.find(job.id)
    assert found.priority is Priority.CRITICAL
    async with split.app.worker(queues=["mail"]):
        assert await split.logged(1) == [job.id]
