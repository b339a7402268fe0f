"""Lists of jobs, over Redis, the journals and the history."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import ConfigurationError, FoundJob, InvalidJob, JobPage, JobQueue, Limit, Retry
from jobqueue.client import listing
from jobqueue.settings import Settings
from tests.support import rules
from tests.support.stage import Stage
from tests.support.waiting import wait_until

from .conftest import Counter

AWAY = "postgresql://nobody@127.0.0.1:1/nothing"


def ids(page: JobPage) -> list[str]:
    """Return the jobs of a page in their order."""
    return [job.id for job in page.jobs]


async def leafed(app: JobQueue, limit: int, **where: Any) -> list[FoundJob]:
    """Return all pages, one after the other."""
    page = await app.list_jobs(limit=limit, **where)
    found = list(page.jobs)
    while page.after is not None:
        page = await app.list_jobs(limit=limit, after=page.after, **where)
        found += page.jobs
    return found


@asynccontextmanager
async def one_of_each(stage: Stage) -> AsyncIterator[dict[str, str]]:
    """Put a job into each state in which jobs wait or run; give their ids by that state."""
    go = asyncio.Event()

    @stage.app.job(limit=Limit(1))
    async def wait() -> None:
        await go.wait()

    @stage.app.job(retry=Retry(3, base=60))
    async def fail() -> None:
        raise ValueError

    made = {}
    async with stage.app.worker():
        made["retrying"] = (await fail.enqueue()).id
        made["running"] = (await wait.options(lock="k").enqueue()).id
        await stage.reaches(made["running"], "running")
        made["parked"] = (await wait.enqueue()).id
        made["in line"] = (await wait.options(lock="k").enqueue()).id
        await stage.reaches(made["retrying"], "retrying")
        await stage.reaches(made["parked"], "blocked")
        made["scheduled"] = (await wait.options(delay=60).enqueue()).id
        made["ready"] = (await stage.app.ref("x").options(queue="elsewhere").enqueue()).id
        yield made
        go.set()


async def test_each_state(stage: Stage) -> None:
    """Every job that waits or runs is listed once, in its state, whatever the size of a page."""
    async with one_of_each(stage) as made:
        order = ["running", "ready", "parked", "in line"]
        for limit in (1, 2, 50):
            found = [job.id for job in await leafed(stage.app, limit)]
            assert found[:4] == [made[each] for each in order]
            assert sorted(found[4:]) == sorted([made["scheduled"], made["retrying"]])
        blocked = await stage.app.list_jobs(state="blocked")
        assert ids(blocked) == [made["parked"], made["in line"]]
        for state in ("running", "ready", "scheduled", "retrying"):
            assert ids(await stage.app.list_jobs(state=state)) == [made[state]]
        both = await stage.app.list_jobs(state=["ready", "running"], queue="default")
        assert ids(both) == [made["running"]]


async def test_walks_the_server_for_lines_only(stage: Stage, server: Counter) -> None:
    """All names on the server are looked through only where jobs stand in line for a lock."""
    await stage.broker.set_rule(rules.limit(0, "x"))
    await stage.app.ref("x").enqueue()
    assert await stage.broker.fetch() == []
    assert [job.state for job in await leafed(stage.app, 50)] == ["blocked"]
    assert server.calls("scan") == 0
    for _ in range(2):
        await stage.app.ref("y").options(lock="k").enqueue()
    assert len(await leafed(stage.app, 50)) == 3
    assert server.calls("scan") > 0


async def test_order_and_filters(stage: Stage) -> None:
    """Ready jobs come in the order of their turn, and each filter narrows the list."""
    a, b = stage.app.ref("a"), stage.app.ref("b")
    low = await a.options(priority="low", tags=["x"]).enqueue(to="ann")
    normal = await b.options(tags=["x", "y"]).enqueue()
    high = await a.options(priority="high").enqueue()
    page = await stage.app.list_jobs()
    assert ids(page) == [high.id, normal.id, low.id]
    assert page.after is None
    assert page.jobs[2].arguments == {"to": "ann"}
    assert ids(await stage.app.list_jobs(name="a")) == [high.id, low.id]
    assert ids(await stage.app.list_jobs(tag="x")) == [normal.id, low.id]
    assert ids(await stage.app.list_jobs(tag="x", name="b")) == [normal.id]
    now = datetime.now(UTC)
    assert ids(await stage.app.list_jobs(since=now + timedelta(hours=1))) == []
    assert len(await leafed(stage.app, 2, until=now + timedelta(hours=1))) == 3


async def test_many_pages(stage: Stage) -> None:
    """Pages go on where the last one has ended, also among jobs that are due at one moment."""
    send, due = stage.app.ref("send"), datetime.now(UTC) + timedelta(hours=1)
    await stage.app.enqueue_many(send.prepare() for _ in range(250))
    await stage.app.enqueue_many(send.options(run_at=due).prepare() for _ in range(250))
    for limit in (77, 250):
        found = [job.id for job in await leafed(stage.app, limit)]
        assert (len(found), len(set(found))) == (500, 500)


async def test_a_page_looks_at_so_many(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few of many jobs fit a page may be short, and the list goes on."""
    monkeypatch.setattr(listing, "MOST", 5)
    send = stage.app.ref("send")
    await stage.app.enqueue_many(send.prepare() for _ in range(12))
    last = await send.options(tags=["x"]).enqueue()
    first = await stage.app.list_jobs(tag="x")
    assert (ids(first), first.after is None) == ([], False)
    assert [job.id for job in await leafed(stage.app, 50, tag="x")] == [last.id]


async def ended(stage: Stage) -> dict[str, str]:
    """Let a job end in each way; return their ids."""

    @stage.app.job(retry=0)
    async def run(n: int) -> float:
        return 1 / n

    made = {"cancelled": (await run.options(delay=60).enqueue(1)).id}
    await stage.app.cancel(made["cancelled"])
    async with stage.app.worker():
        made["dead"] = (await run.options(tags=["x"]).enqueue(0)).id
        await stage.reaches(made["dead"], "dead")
        made["succeeded"] = (await run.enqueue(1)).id
        await stage.reaches(made["succeeded"], "succeeded")
    return made


def check(found: Sequence[FoundJob], made: dict[str, str]) -> None:
    """Assert that these are the jobs that ended, the latest first, as they ended."""
    assert [job.id for job in found] == [made[e] for e in ("succeeded", "dead", "cancelled")]
    assert [job.state for job in found] == ["succeeded", "dead", "cancelled"]
    assert found[0].result == 1.0
    assert found[1].error is not None
    assert found[1].error.type == "ZeroDivisionError"
    assert all(job.finished_at for job in found)


async def test_ended_and_not_recorded(stage: Stage) -> None:
    """What no recorder has taken yet is listed from the journal, page by page."""
    made = await ended(stage)
    for limit in (1, 50):
        check(await leafed(stage.app, limit), made)
    assert ids(await stage.app.list_jobs(state="dead", tag="x")) == [made["dead"]]
    assert ids(await stage.app.list_jobs(tag="y")) == []


async def test_ended_and_recorded(recorded: Stage) -> None:
    """The history lists the same, and a job that was put back is listed in its new life alone."""
    made = await ended(recorded)

    async def empty() -> bool:
        return await recorded.broker.journal() == []

    await wait_until(empty, description="the recorder has taken everything")
    for limit in (1, 50):
        check(await leafed(recorded.app, limit), made)
    assert ids(await recorded.app.list_jobs(state="dead", name="run")) == [made["dead"]]
    await recorded.app.retry_dead_letters([made["dead"]])
    found = await recorded.app.list_jobs()
    assert ids(found) == [made["dead"], made["succeeded"], made["cancelled"]]
    assert found.jobs[0].state == "ready"


async def test_history_is_away(redis_url: str) -> None:
    """What Redis knows is listed all the same, with the problem."""
    async with JobQueue(settings=Settings(redis_url=redis_url, database_url=AWAY)) as app:
        handle = await app.ref("send").enqueue()
        page = await app.list_jobs()
        assert (ids(page), page.after) == ([handle.id], None)
        assert "PostgreSQL" in (page.history_problem or "")


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ({"state": "lost"}, ConfigurationError),
        ({"stat": "dead"}, ConfigurationError),
        ({"after": "x"}, InvalidJob),
        ({"limit": 0}, InvalidJob),
        ({"name": "two words"}, InvalidJob),
        ({"since": datetime(2030, 1, 1)}, InvalidJob),  # noqa: DTZ001 - that is refused
    ],
)
async def test_wrong_filters(stage: Stage, where: Any, error: type[Exception]) -> None:
    """What no job can have is refused, and named."""
    with pytest.raises(error):
        await stage.app.list_jobs(**where)
