"""What people are told while Redis or PostgreSQL is away: what the other one knows."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import BrokerUnavailable, FoundJob, JobQueue
from jobqueue.cli.main import main
from jobqueue.domain.ids import uuid7
from jobqueue.history.writer import HistoryWriter
from jobqueue.settings import Settings
from tests.integration.history.records import dead, milliseconds, packed, record

AWAY = "redis://127.0.0.1:1"
NO_HISTORY = "postgresql://nobody@127.0.0.1:1/nothing"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; return its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


async def write(history_url: str, *rows: tuple[float, str], **fields: Any) -> None:
    """Write rows of jobs that ended so many days ago."""
    async with HistoryWriter(history_url) as writer:
        batch = []
        for days, job_id in rows:
            at = datetime.now(UTC) - timedelta(days=days)
            us = milliseconds(at) * 1000
            of: dict[str, Any] = {
                "id": uuid7(milliseconds(at)),
                "started_us": us,
                "finished_us": us + 1,
            }
            batch.append((dead if "dead" in job_id else record)(job_id=job_id, **of, **fields))
        await writer.write(batch)


async def test_without_redis(history_url: str) -> None:
    """The history tells of what has ended; what only Redis could know is an error still."""
    await write(history_url, (1, "done"), (2, "dead"))
    await write(history_url, (1, "begun"), final=False)
    async with JobQueue(settings=Settings(redis_url=AWAY, database_url=history_url)) as app:
        page = await app.list_jobs()
        assert [job.id for job in page.jobs] == ["done", "dead"]
        assert "Redis" in (page.redis_problem or "")
        assert (page.after, page.history_problem) == (None, None)
        first = await app.list_jobs(limit=1)
        assert first.after is not None
        rest = await app.list_jobs(after=first.after)
        assert [job.id for job in rest.jobs] == ["dead"]
        [found] = await app.find("done")
        assert (found.state, len(found.executions)) == ("succeeded", 1)
        assert "Redis" in (found.redis_problem or "")
        why = await app.why("dead")
        assert (why.state, why.reasons[0].kind) == ("dead", "dead")
        assert why.redis_problem == found.redis_problem
        [begun] = await app.find("begun")
        assert begun.state is None
        for ask in (app.find("waits"), app.why("begun"), app.list_jobs(state="ready")):
            with pytest.raises(BrokerUnavailable):
                await ask


async def test_without_either() -> None:
    """Nobody knows anything: Redis, which knows more, is named."""
    async with JobQueue(settings=Settings(redis_url=AWAY, database_url=NO_HISTORY)) as app:
        for ask in (app.find("a"), app.list_jobs(), app.why("a")):
            with pytest.raises(BrokerUnavailable):
                await ask


async def test_how_far_back(history_url: str, redis_url: str) -> None:
    """What could read all of the history for a few jobs looks a week back, and says so."""
    await write(
        history_url, (1, "new"), (8, "old"), (30, "older"), spec=packed(tags=("x",)), queue="q"
    )

    def ids(found: Any) -> list[str]:
        jobs: list[FoundJob] = found.jobs
        return [job.id for job in jobs]

    async with JobQueue(settings=Settings(redis_url=redis_url, database_url=history_url)) as app:
        now = datetime.now(UTC)
        for narrow in ({"queue": "q"}, {"state": "succeeded"}):
            page = await app.list_jobs(**narrow)  # type: ignore[arg-type]
            assert ids(page) == ["new"]
            assert page.looked_back_to is not None
            assert timedelta(days=6.9) < now - page.looked_back_to < timedelta(days=7.1)
            wide = await app.list_jobs(**narrow, since=now - timedelta(days=9))  # type: ignore[arg-type]
            assert (ids(wide), wide.looked_back_to) == (["new", "old"], None)
        before = await app.list_jobs(queue="q", until=now - timedelta(days=7))
        assert ids(before) == ["old"]
        for every in (await app.list_jobs(), await app.list_jobs(name="send_email", queue="q")):
            assert (ids(every), every.looked_back_to) == (["new", "old", "older"], None)


def test_on_the_command_line(history_url: str, redis_url: str, call: Call) -> None:
    """One line on stderr, what is known on stdout, and the exit code of a server that is away."""
    asyncio.run(write(history_url, (1, "done"), (2, "dead")))
    servers = ("--redis-url", AWAY, "--database-url", history_url)
    code, out, err = call(*servers, "jobs", "list")
    assert (code, len(out.splitlines()), err.count("\n")) == (5, 3, 1)
    assert err.startswith("jobqueue: Redis is away, so jobs that wait or run are not shown: ")
    code, out, err = call(*servers, "jobs", "show", "dead", "--json")
    assert (code, json.loads(out)["state"], err.count("\n")) == (5, "dead", 1)
    code, out, err = call(*servers, "why", "done")
    assert (code, out[:10], err.count("\n")) == (5, "succeeded:", 1)
    assert call(*servers, "jobs", "show", "nobody")[0] == 5

    with JobQueue(settings=Settings(redis_url=redis_url)) as app:
        job_id = app.ref("send").enqueue_sync().id
    servers = ("--redis-url", redis_url, "--database-url", NO_HISTORY)
    code, out, err = call(*servers, "jobs", "list")
    assert (code, job_id in out, err.count("\n")) == (5, True, 1)
    code, out, err = call(*servers, "jobs", "show", job_id)
    assert (code, job_id in out, err.count("\n")) == (5, True, 1)
    assert call(*servers, "why", job_id)[0] == 0
    assert call(*servers, "jobs", "list", "--state", "ready")[0] == 0
