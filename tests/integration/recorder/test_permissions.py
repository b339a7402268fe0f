"""What the users of Redis and PostgreSQL must be allowed, and how it shows when they are not."""

import asyncio
import logging
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis

from jobqueue import BrokerError, HistoryError
from jobqueue.history import grants
from tests.integration.recorder.conftest import asking
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

GRANTED = ["~jobqueue:*", "+@all", "-@dangerous", "+info"]  # as `jobqueue docs settings` says


@pytest.fixture
def guest(history_url: str) -> Iterator[str]:
    """A user of the history without any right, as a URL."""
    with psycopg.connect(history_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        yield history_url.replace("postgres@", "guest@")
        connection.execute("DROP OWNED BY guest; DROP ROLE guest")


@pytest.fixture
def limited(redis_url: str) -> Iterator[str]:
    """A user of Redis who may do what the manual says, as a URL."""
    with Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "guest", "on", ">secret", *GRANTED)
        yield redis_url.replace("unix://", "unix://guest:secret@", 1)
        client.execute_command("ACL", "DELUSER", "guest")


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [
        f"{each.message}: {getattr(each, 'error', '')}"
        for each in caplog.records
        if each.levelno == logging.ERROR
    ]


def refused(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return what failed, in the words of the log."""
    return {line.partition(":")[0] for line in refusals(caplog)}


async def test_no_rights_in_postgresql(
    redis_url: str, history_url: str, guest: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A recorder says as an error, and to health, what to grant; it records as soon as it may."""
    async with stage_on(redis_url, database_url=guest) as stage:

        @stage.app.job
        async def work() -> None: ...

        async with stage.app.scheduler() as scheduler, stage.app.worker():
            job = await work.enqueue()
            words = {"recording failed", "history upkeep failed"}
            await wait_until(lambda: refused(caplog) >= words, description="both refused")
            assert refused(caplog) == words
            assert all("permission denied for schema jobqueue" in p for p in scheduler.problems)
            assert all("GRANT owner TO this user" in line for line in refusals(caplog))
            with pytest.raises(HistoryError, match="permission denied"):
                await stage.app.dead_letters()
            asking(history_url)("GRANT postgres TO guest")

            async def recorded() -> bool:
                return bool((await stage.app.find(job.id))[0].executions)

            await wait_until(recorded, description="a row", deadline=60)


async def test_rights_to_ask(redis_url: str, history_url: str, guest: str) -> None:
    """Who only asks needs what `db grant` gives, and one right more to put letters back."""
    ask = asking(history_url)
    async with stage_on(redis_url, database_url=history_url) as stage:

        @stage.app.job(retry=0)
        async def fail() -> None:
            raise LookupError

        async with stage.app.scheduler(), stage.app.worker():
            job = await fail.enqueue()

            async def buried() -> bool:
                return bool(await stage.app.dead_letters())

            await wait_until(buried, description="a dead letter")
    grants.grant(history_url, "guest")
    async with stage_on(redis_url, database_url=guest) as asker:
        assert (await asker.app.find(job.id))[0].executions
        assert len(await asker.app.dead_letters()) == 1
        for thing, right in (("operator_log", "INSERT"), ("dead_letters", "UPDATE")):
            with pytest.raises(HistoryError, match=f"permission denied for table {thing}"):
                await asker.app.retry_dead_letters([job.id])
            ask(f"GRANT SELECT, {right} ON jobqueue.{thing} TO guest")
        assert (await asker.app.retry_dead_letters([job.id]))[0].error is None


async def test_rights_in_redis_that_suffice(limited: str, history_url: str) -> None:
    """With the rights of the manual every service does its duty."""
    async with stage_on(limited, database_url=history_url) as stage:

        @stage.app.every(0.2)
        @stage.app.job
        async def tick() -> None:
            stage.log.append("tick")

        @stage.app.job
        async def work() -> int:
            return 5

        async with stage.app.scheduler() as scheduler, stage.app.worker():
            job = await work.options(delay=0.05).enqueue()
            assert await job.result(30) == 5
            await asyncio.to_thread(work.enqueue_sync)
            await stage.logged(1)

            async def recorded() -> bool:
                return bool((await stage.app.find(job.id))[0].executions)

            await wait_until(recorded, description="a row")
            assert await stage.app.living("worker")
            assert scheduler.problems == []


async def test_rights_in_redis_that_are_missing(
    stage: Stage, redis_url: str, limited: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who may not run scripts is told what to grant, by the call and in the service's log."""
    with Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "guest", "-@scripting")
    async with stage_on(limited, database_url=stage.app.settings.database_url) as poor:
        with pytest.raises(BrokerError, match=r"ACL SETUSER name ~prefix:\* \+@all"):
            await poor.app.ref("work").enqueue()
        await stage.app.ref("work").options(delay=0.01).enqueue()
        async with poor.app.scheduler() as scheduler:
            await wait_until(lambda: scheduler.problems, description="a problem")
        assert any(
            line.startswith("promotion failed") and "ACL SETUSER" in line
            for line in refusals(caplog)
        )
