"""Dead letters of a queue in several partitions."""

import asyncio

from tests.integration.partitions.conftest import PARTITIONS, Split
from tests.integration.recorder.conftest import arrived, asking


async def test_dead_letters(split: Split, history_url: str) -> None:
    """Their rows name the queue, and a redrive puts each into its partition again."""
    app = split.other(partitions=PARTITIONS, database_url=history_url)

    @app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        if not split.log:
            raise ValueError("not yet")
        return number

    jobs = await app.enqueue_many(
        work.options(lock=f"key {n}" if n % 2 else None).prepare(n) for n in range(20)
    )
    ask = asking(history_url)
    async with app.scheduler(), app.worker():
        await arrived(ask, 20)
        assert ask("SELECT DISTINCT queue FROM jobqueue.dead_letters") == [("mail",)]
        assert ask("SELECT DISTINCT queue FROM jobqueue.job_executions") == [("mail",)]
        split.log.append("mended")
        letters = await app.dead_letters(queue="mail")
        answers = await app.retry_dead_letters(letter.execution_id for letter in letters)
        assert [answer.error for answer in answers] == [None] * 20
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [*range(20)]
        await arrived(ask, 40)
    [found] = await app.find(jobs[1].id)
    assert (found.queue, found.run, found.state) == ("mail", 1, "succeeded")
    await app.close()


async def test_a_letter_from_before(split: Split, history_url: str) -> None:
    """A dead letter of a queue that was split since runs again; its old run hides nothing."""
    old = split.other(database_url=history_url)

    @old.job(queue="mail", retry=0)
    async def work() -> None:
        raise ValueError("not yet")

    job = await work.options(job_id="letter").enqueue()
    ask = asking(history_url)
    async with old.scheduler(), old.worker():
        await arrived(ask, 1)
    await old.close()
    app = split.other(partitions=PARTITIONS, database_url=history_url)
    began = asyncio.Event()

    @app.job(name="work", queue="mail", retry=0)
    async def again() -> None:
        began.set()
        await asyncio.sleep(60)

    await app.ref("work").options(queue="mail", delay=60).enqueue()  # splits the queue
    async with app.scheduler(), app.worker():
        await app.retry_dead_letters([job.id])
        await asyncio.wait_for(began.wait(), 30)
        [found] = await app.find(job.id)
        assert (found.state, found.run) == ("running", 1)
        assert await app.cancel(job.id) == "running"
        await arrived(ask, 2)
    [found] = await app.find(job.id)
    assert (found.state, found.run, found.error) == ("cancelled", 1, None)
    await app.close()
