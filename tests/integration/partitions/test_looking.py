"""What people see of jobs in partitions, on one server and on a cluster: one queue."""

from jobqueue import FoundJob
from tests.integration.partitions.conftest import Split
from tests.support import wait_until

JOBS = 30


async def test_lists(split: Split) -> None:
    """Pages go over all partitions, and over lines of locks on every node; each job comes once."""
    send = split.app.ref("send").options(queue="mail")
    ready = await split.app.enqueue_many(send.prepare(n) for n in range(JOBS))
    lines = [await send.options(lock=f"k{n % 5}").enqueue(n) for n in range(15)]
    made = {job.id for job in ready} | {job.id for job in lines}
    found, after = list[FoundJob](), None
    while True:
        page = await split.app.list_jobs(queue="mail", limit=7, after=after)
        found += page.jobs
        after = page.after
        if after is None:
            break
    assert sorted(job.id for job in found) == sorted(made)
    assert {job.queue for job in found} == {"mail"}
    blocked = await split.app.list_jobs(queue="mail", state="blocked")
    assert {job.id for job in blocked.jobs} == {job.id for job in lines[5:]}


async def test_reasons(split: Split) -> None:
    """A job's turn is that of its partition, with its share of the workers."""
    send = split.app.ref("send").options(queue="mail")
    first, second = [await send.options(lock="k").enqueue(n) for n in range(2)]
    why = await split.app.why(first.id)
    assert (why.queue, [each.kind for each in why.reasons]) == ("mail", ["no_worker", "ahead"])
    why = await split.app.why(second.id)
    assert why.reasons[0].other == first.id
    async with split.other().worker(queues=["default"]):
        await wait_until(split.app.list_workers, description="a worker of another queue lives")
        assert (await split.app.why(first.id)).reasons[0].kind == "no_worker"
