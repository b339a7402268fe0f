"""Who ended a job, when and why: the operator log names the command, also one for many."""

import asyncio
from typing import Any

from jobqueue import JobQueue
from tests.support import wait_until
from tests.support.stage import stage_on

HOUR = 3600.0


async def recorded(app: JobQueue, job_id: str) -> str:
    """Wait for the row that ended a job; return why it ended."""

    async def there() -> Any:
        [job] = await app.find(job_id)
        return any(row.final for row in job.executions)

    await wait_until(there, description=f"the last row of {job_id}")
    return (await app.why(job_id)).text


async def test_by_whom(redis_url: str, history_url: str) -> None:
    """One job or many, cancelled, deleted or purged; what nobody commanded names nobody."""
    async with (
        stage_on(redis_url, database_url=history_url, operator="ann") as stage,
        stage.app.scheduler(),
    ):
        app, go = stage.app, asyncio.Event()

        @app.job()
        async def note() -> None:
            await go.wait()

        later = note.options(delay=HOUR)
        one, gone, tagged, named, other, low = [
            await each.enqueue()
            for each in (
                later,
                later,
                later.options(tags=["a", "b"]),
                later,
                later.options(queue="other"),
                later.options(queue="other", priority="low"),
            )
        ]
        await app.cancel_all(tag="c", reason="for nobody", operator="eve")
        await app.cancel_all(tag="b", reason="wrong list", operator="bob")
        await app.cancel(one.id, reason="withdrawn")
        await app.delete(gone.id)
        await app.cancel_all(name="note", queue="default", reason="all wrong")
        await app.purge("other", priority="low", reason="twice", operator="bob")
        await other.cancel(reason="a program's")
        texts = [await recorded(app, each.id) for each in (one, gone, tagged, named, low, other)]
        async with app.worker():
            runs = await note.enqueue()
            await stage.reaches(runs.id, "running")
            await app.cancel(runs.id, reason="too slow", operator="bob")
            texts.append(await recorded(app, runs.id))
    ends = [(text.split(" at ")[0], text.split("Z", 1)[1]) for text in texts]
    assert ends == [
        ("it was cancelled", " by ann: withdrawn"),
        ("it was deleted", " by ann"),
        ("it was cancelled", " by bob: wrong list"),
        ("it was cancelled", " by ann: all wrong"),
        ("it was purged", " by bob: twice"),
        ("it was cancelled", ": a program's"),
        ("it was cancelled", " by bob: too slow"),
    ]
