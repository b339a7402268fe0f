"""Stored jobs bound to the code of another version, wherever they are."""

import asyncio
from functools import partial
from typing import Any

import pytest

from jobqueue import InvalidJob, JobQueue, LiveCheck, Misfit, Permanent, Retry
from jobqueue.broker import paging, records
from tests.support import wait_until
from tests.support.stage import Stage

AWAY = "postgresql://nobody@127.0.0.1:1/nothing"
SECRET = "very secret"  # noqa: S105 - of nobody


def following(stage: Stage) -> JobQueue:
    """Return the next version of an app, which takes one argument less."""
    app = JobQueue(settings=stage.app.settings)

    @app.job(redact=("token",))
    async def send(to: str, token: int = 0) -> None:
        pass

    return app


async def checked(app: JobQueue, **options: Any) -> tuple[LiveCheck, dict[str, Misfit]]:
    """Check all stored jobs; return the misfits by name, too."""
    found = await app.check_live(**options)
    return found, {each.name: each for each in found.misfits}


async def test_every_place_is_looked_at(recorded: Stage) -> None:
    """Ready, blocked, running, scheduled, retrying and dead jobs count; ended ones do not."""
    go = asyncio.Event()

    @recorded.app.job(retry=Retry(1, base=600))
    async def send(_to: str, how: str) -> None:
        if how == "wait":
            await go.wait()
        elif how == "retry":
            raise ValueError
        elif how == "die":
            raise Permanent

    ended = [await send.enqueue("ann", how) for how in ("end", "retry", "die")]
    async with recorded.app.worker():
        for handle, state in zip(ended, ("succeeded", "retrying", "dead"), strict=True):
            await wait_until(partial(_is, recorded, handle.id, state), description=state)
        await wait_until(recorded.app.count_dead_letters, description="a letter")
        running = await send.enqueue("ann", "wait")
        await wait_until(partial(_is, recorded, running.id, "running"), description="it runs")
        elsewhere = send.options(queue="elsewhere")
        await elsewhere.enqueue("ann", "ready")
        for _ in range(2):
            await elsewhere.options(lock="one").enqueue("ann", "lock")
        await elsewhere.options(delay=600).enqueue("ann", "later")

        found, misfits = await checked(following(recorded))
        assert found.examined == {"waiting": 4, "scheduled": 2, "dead": 1}
        assert set(misfits) == {"send"}
        assert misfits["send"].kind == "arguments"
        assert misfits["send"].jobs == found.examined
        assert not found.ok
        found, _ = await checked(following(recorded), queues=["elsewhere"])
        assert found.examined == {"waiting": 3, "scheduled": 1, "dead": 0}
        assert (await recorded.app.check_live()).ok
        go.set()


async def _is(stage: Stage, job_id: str, state: str) -> bool:
    [job] = await stage.app.find(job_id)
    return job.state == state


async def test_what_does_not_fit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed and misspelt names, unknown and narrowed arguments; examples, and no secrets."""
    monkeypatch.setattr(paging, "SCANNED", 5)
    monkeypatch.setattr(records, "PAGE", 2)
    old = stage.app
    await old.enqueue_many([old.ref("removed").prepare(n) for n in range(40)])
    await old.ref("sned").enqueue(to="ann")
    await old.ref("send").enqueue(to="ann", token=SECRET)
    await old.ref("send").enqueue(to="ann", copies=2)
    await old.ref("send").enqueue("ann")
    # The key of this lock looks like that of a job, from its middle on.
    await old.ref("send").options(lock="{a}:job:b").enqueue("ann")

    found, misfits = await checked(following(stage))
    assert found.not_examined == "no database_url is set"
    # A step of the walk may meet some twice while the server's table grows.
    assert 45 <= found.examined["waiting"] < 60
    assert found.misfits[0] is misfits["removed"]
    assert misfits["removed"].kind == "unknown_name"
    assert misfits["removed"].jobs["waiting"] >= 40
    assert misfits["removed"].did_you_mean is None
    assert len(misfits["removed"].examples) == 3
    assert misfits["sned"].did_you_mean == "send"
    problems = [each.problem for each in misfits["send"].examples]
    assert len(problems) == 2
    assert any("copies" in problem for problem in problems)
    assert any("token" in problem for problem in problems)
    assert SECRET not in str(problems)


async def test_dead_jobs_that_can_not_be_read(stage: Stage) -> None:
    """With PostgreSQL away the waiting jobs are bound all the same, and it says so."""
    await stage.app.ref("removed").enqueue()
    with stage.app.swapped(database_url=AWAY):
        found = await following(stage).check_live()
        assert found.not_examined is not None
        assert "PostgreSQL" in found.not_examined
        assert [each.name for each in found.misfits] == ["removed"]


async def test_a_queue_that_can_not_be(stage: Stage) -> None:
    """A name that no queue can have is refused."""
    with pytest.raises(InvalidJob):
        await stage.app.check_live(queues=["a b"])
