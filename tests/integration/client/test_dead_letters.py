"""What an operator does to many dead letters: found, put back with care, deleted, and logged."""

import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from jobqueue import (
    BrokerUnavailable,
    Canary,
    CanaryOutcome,
    ConfigurationError,
    DeadLetterNotFound,
    InvalidJob,
    Job,
    JobQueue,
    Permanent,
    Rate,
    Retry,
    Unique,
    current_job,
)
from jobqueue.cli import letters as cli_letters
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.stage import Stage, stage_on

Failing = Job[[str], Any, None]
Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
async def recorded(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app whose jobs are recorded."""
    urls = {"database_url": history_url, "operator": "alice@desk"}
    async with stage_on(redis_url, **urls) as stage, stage.app.scheduler():
        yield stage


@pytest.fixture
def fail(recorded: Stage) -> Failing:
    """A job that dies in its first run, and in later ones if its word stands in the log."""

    @recorded.app.job(retry=Retry(0), redact=("token",))
    async def fail(why: str, token: str = "") -> None:
        if not current_job().run or why in recorded.log:
            raise (LookupError if "order" in why else ValueError)(f"{why} {token}")

    return fail


@pytest.fixture
def log(history_url: str) -> Log:
    """The rows of the operator log, oldest first."""

    def rows() -> list[dict[str, Any]]:
        with psycopg.connect(history_url, row_factory=dict_row) as connection:
            found = connection.execute("SELECT * FROM jobqueue.operator_log ORDER BY id")
            return found.fetchall()

    return rows


async def die(stage: Stage, job: Failing, *whys: str) -> list[str]:
    """Let a job die for each of these reasons; return their ids."""
    ids = [(await job.enqueue(why)).id for why in whys]
    async with stage.app.worker():
        await letters(stage, len(whys))
    return ids


async def letters(stage: Stage, count: int) -> None:
    """Wait until so many letters are open."""

    async def there() -> bool:
        return await stage.app.count_dead_letters() == count

    await wait_until(there, description=f"{count} open letters")


async def test_groups_and_filters(recorded: Stage, fail: Failing) -> None:
    """Letters of one error share a fingerprint, which narrows whatever is done to them."""
    begun = datetime.now(UTC)
    app, tagged = recorded.app, fail.options(tags=["vip"])
    await app.enqueue_many(
        each.prepare(why)
        for each, why in (
            (tagged, "order 7 is gone"), (fail, "order 8 is gone"), (fail, "order 9 is gone"),
            (fail, "closed"),
        )
    )  # fmt: skip
    async with app.worker():
        await letters(recorded, 4)
    orders, other = await app.dead_letter_groups()
    assert (orders.count, orders.error_type, orders.names, orders.queues) == (
        3, "LookupError", [fail.name], ["default"],
    )  # fmt: skip
    assert (other.count, other.example) == (1, "closed ")
    newest = (await app.dead_letters(error=orders.fingerprint))[0]
    assert (newest.execution_id, newest.error_message) == (orders.letter, orders.example)
    later = begun + timedelta(hours=1)
    counts = [
        await app.count_dead_letters(error=orders.fingerprint),
        await app.count_dead_letters(error="ValueError"),
        await app.count_dead_letters(error="Value"),
        await app.count_dead_letters(tag="vip", error="LookupError", name=fail.name),
        await app.count_dead_letters(since=begun - timedelta(hours=1), until=later),
        await app.count_dead_letters(since=later),
        await app.count_dead_letters(queue="aside"),
    ]
    assert counts == [3, 1, 0, 1, 4, 0, 0]
    assert [each.count for each in await app.dead_letter_groups(tag="vip")] == [1]
    with pytest.raises(ConfigurationError, match="no option 'nmae'; did you mean 'name'"):
        await app.dead_letters(nmae="x")  # type: ignore[call-arg]
    with pytest.raises(InvalidJob, match=r"since: .* is no time with a time zone"):
        await app.dead_letters(since=datetime.now())  # noqa: DTZ005 - that is the point


async def test_all_of_an_error(recorded: Stage, fail: Failing, log: Log) -> None:
    """What a filter chooses goes back, at a rate; the log says who, what and why."""
    await die(recorded, fail, *(f"order {n}" for n in range(6)), "closed")
    heard: list[int] = []
    begun = time.monotonic()
    done = await recorded.app.retry_all_dead_letters(
        error="LookupError",
        rate=Rate(10),
        reason="stock is back",
        report=lambda some: heard.append(len(some)),
    )
    assert time.monotonic() - begun >= 0.3
    assert (done.put_back, done.problems, done.canary) == (6, (), None)
    assert heard == [2, 2, 2]
    [row] = log()
    assert (row["operator"], row["action"], row["reason"]) == (
        "alice@desk", "dlq.retry", "stock is back",
    )  # fmt: skip
    assert row["filter"] == {"error": "LookupError"}
    assert row["details"] == {"letters": 6, "rate": "10/1s"}
    assert [each.error_message for each in await recorded.app.dead_letters()] == ["closed "]
    nothing = await recorded.app.retry_all_dead_letters(error="LookupError")
    assert (nothing.put_back, len(log())) == (0, 1)


async def test_what_dies_again_is_left_alone(recorded: Stage, fail: Failing) -> None:
    """A redrive of all meets each letter once, though its jobs die as fast as they go back."""
    recorded.log.append("again")
    await die(recorded, fail, *["again"] * 8)
    async with recorded.app.worker():
        done = await recorded.app.retry_all_dead_letters(rate=Rate(20))
        await letters(recorded, 8)
    assert done.put_back == 8
    assert {each.run for each in await recorded.app.dead_letters()} == {1}


async def test_a_canary_that_lives(recorded: Stage, fail: Failing, log: Log) -> None:
    """The oldest go first; the others follow when few enough of these fail."""
    whys = ["bad", *(f"order {n}" for n in range(9))]
    await die(recorded, fail, *whys)
    recorded.log.append("bad")
    async with recorded.app.worker():
        done = await recorded.app.retry_all_dead_letters(canary=Canary(4, 0.5))
        await letters(recorded, 1)
    assert done.canary == CanaryOutcome(4, 1, 0, stopped=False)
    assert done.put_back == 10
    assert log()[0]["details"] == {"letters": 10, "canary": 4, "stop_if_failing": 0.5}


async def test_a_canary_that_dies(recorded: Stage, log: Log) -> None:
    """Too many failures stop the rest; a failed attempt counts before its retries are over.

    A second row of the log says what was left undone, and why.
    """

    @recorded.app.job(retry=Retry(5, base=60, jitter="none"))
    async def fail() -> None:
        if not current_job().run:
            raise Permanent
        raise ValueError

    ids = [(await fail.enqueue()).id for _ in range(3)]
    async with recorded.app.worker():
        await letters(recorded, 3)
        done = await recorded.app.retry_all_dead_letters(canary=Canary(2))
    assert done.canary is not None
    assert done.canary.stopped
    assert done.canary.unfinished == 0
    assert (done.put_back, done.problems) == (2, ())
    assert [each.job_id for each in await recorded.app.dead_letters()] == ids[2:]
    asked, left = log()
    assert (asked["action"], asked["details"]["letters"]) == ("dlq.retry", 3)
    assert (left["action"], left["operator"]) == ("dlq.retry.left", "alice@desk")
    assert left["details"] == {
        "of": str(asked["id"]),
        "put_back": 2,
        "left": 1,
        "stopped_by_canary": {"tried": 2, "failing": done.canary.failing},
    }


async def test_what_is_not_put_back(recorded: Stage, log: Log) -> None:
    """The log names ids that match no open letter, and jobs that their queue refuses."""

    @recorded.app.job(retry=0, unique=Unique())
    async def fail(why: str) -> None:
        raise ValueError(why)

    first, second = await die(recorded, fail, "a", "b")
    await fail.enqueue("b")
    await recorded.app.retry_dead_letters([first, second, "nobody"])
    asked, left = log()
    assert asked["details"] == {
        "letters": 2, "ids": [first, second, "nobody"], "not_found": ["nobody"],
    }  # fmt: skip
    assert left["details"] == {
        "of": str(asked["id"]), "put_back": 1, "left": 1, "refused": [second],
    }  # fmt: skip


async def test_redis_goes_away(recorded: Stage, fail: Failing, log: Log, history_url: str) -> None:
    """The log has what was asked, and that nothing of it was done; the letters are as they were."""
    ids = await die(recorded, fail, "a", "b")
    settings = Settings(
        redis_url="redis://127.0.0.1:1", database_url=history_url, enqueue_timeout=0.1
    )
    async with JobQueue(settings=settings) as app:
        for redrive in (app.retry_dead_letters(ids), app.retry_all_dead_letters()):
            with pytest.raises(BrokerUnavailable):
                await redrive
    assert [(row["action"], row["details"].get("left")) for row in log()] == [
        ("dlq.retry", None), ("dlq.retry.left", 2),
    ] * 2  # fmt: skip
    await letters(recorded, 2)


async def test_a_canary_that_is_silent(recorded: Stage, fail: Failing) -> None:
    """Without a worker nothing comes of it: at its time-out the rest stays where it is."""
    await die(recorded, fail, "a", "b")
    done = await recorded.app.retry_all_dead_letters(canary=Canary(1, timeout=0.3))
    assert done.canary == CanaryOutcome(1, 1, 1, stopped=True)
    await letters(recorded, 1)


async def test_edited_arguments(recorded: Stage, log: Log) -> None:
    """A job runs again with other arguments; the log has both; hidden ones stay hidden and kept."""
    seen: list[tuple[str, str]] = []

    @recorded.app.job(retry=0, redact=("token",))
    async def send(to: str, token: str) -> None:
        seen.append((to, token))
        if "@" not in to:
            raise ValueError

    job = await send.enqueue("bob", token="secret-word")  # noqa: S106 - no password
    async with recorded.app.worker():
        await letters(recorded, 1)
        [letter] = await recorded.app.dead_letters()
        assert letter.arguments == {"to": "bob", "token": "***"}
        edited = letter.arguments | {"to": "bob@a.example"}
        [answer] = await recorded.app.retry_dead_letters([job.id], arguments=edited)
        assert answer.error is None
        await wait_until(lambda: len(seen) == 2, description="the second run")
    assert seen == [("bob", "secret-word"), ("bob@a.example", "secret-word")]
    [row] = log()
    assert (row["job_id"], row["queue"]) == (job.id, "default")
    assert row["details"]["arguments"] == {"before": letter.arguments, "after": edited}
    assert "secret" not in str(row)


async def test_arguments_that_do_not_do(recorded: Stage, fail: Failing, log: Log) -> None:
    """They are for one letter, and must be storable; nothing goes back then, nor into the log."""
    ids = await die(recorded, fail, "a", "b")
    retry = recorded.app.retry_dead_letters
    with pytest.raises(InvalidJob, match="2 letters are meant"):
        await retry(ids, arguments={"why": "c"})
    with pytest.raises(InvalidJob, match="why: it holds nan"):
        await retry(ids[:1], arguments={"why": float("nan")})
    await letters(recorded, 2)
    assert log() == []


async def test_delete_and_clear(recorded: Stage, fail: Failing, log: Log) -> None:
    """Deleted letters are gone from lists and for retries, and say which row closed them."""
    ids = await die(recorded, fail, "a", "b", "order 1", "order 2")
    app = recorded.app
    one, none = await app.delete_dead_letters([ids[0], "nobody"], reason="a test")
    assert (one.job_id, one.queue, one.error) == (ids[0], "default", None)
    assert isinstance(none.error, DeadLetterNotFound)
    assert await app.clear_dead_letters(error="LookupError", operator="bob") == 2
    assert await app.clear_dead_letters(error="LookupError") == 0
    deleted, cleared = log()
    assert (deleted["action"], deleted["job_id"], deleted["reason"]) == (
        "dlq.delete", ids[0], "a test",
    )  # fmt: skip
    assert (cleared["action"], cleared["operator"]) == ("dlq.clear", "bob")
    assert (cleared["filter"], cleared["details"]) == ({"error": "LookupError"}, {"letters": 2})
    [gone] = await app.find_dead_letters(ids[0])
    assert gone.deleted_at is not None
    assert gone.closed_by == str(deleted["id"])
    assert (gone.closed_operator, gone.closed_reason) == ("alice@desk", "a test")
    told = "by alice@desk: a test\n"
    assert re.search(rf"deleted +\S+ \S+Z {told}", cli_letters.page([gone]))
    [answer] = await app.retry_dead_letters([ids[0]])
    assert isinstance(answer.error, DeadLetterNotFound)
    assert [each.job_id for each in await app.dead_letters()] == [ids[1]]
    with pytest.raises(DeadLetterNotFound):
        await app.find_dead_letters("nobody")


async def test_the_log_takes_new_rows_only(
    recorded: Stage, fail: Failing, history_url: str
) -> None:
    """Nobody can change what stands in the operator log."""
    await die(recorded, fail, "a")
    await recorded.app.clear_dead_letters()
    with (
        psycopg.connect(history_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="takes new rows only"),
    ):
        connection.execute("UPDATE jobqueue.operator_log SET operator = 'mallory'")


async def test_repeated_when_the_broker_has_forgotten(recorded: Stage, fail: Failing) -> None:
    """A redrive that died unmarked, repeated long after: the history knows the new run."""
    [job_id] = await die(recorded, fail, "a")
    await recorded.app.retry_dead_letters([job_id])
    async with recorded.app.worker():

        async def ended() -> bool:
            [job] = await recorded.app.find(job_id)
            return any(row.run == 1 for row in job.executions)

        await wait_until(ended, description="run 1 is recorded")
    url = recorded.app.settings.database_url or ""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE jobqueue.dead_letters SET redriven_at = NULL")
    await recorded.broker.redis("FLUSHALL")
    [answer] = await recorded.app.retry_dead_letters([job_id])
    assert answer.error is None
    await letters(recorded, 0)
    assert await recorded.app.queue_counts() == []


def test_sync_forms(redis_url: str, history_url: str) -> None:
    """Programs without an event loop can do it all."""
    settings = Settings(redis_url=redis_url, database_url=history_url)
    with JobQueue(settings=settings) as app:
        assert app.dead_letter_groups_sync() == []
        assert app.count_dead_letters_sync() == app.clear_dead_letters_sync() == 0
        assert app.retry_all_dead_letters_sync().put_back == 0
        [gone] = app.delete_dead_letters_sync(["nobody"])
        assert gone.error is not None
        with pytest.raises(DeadLetterNotFound):
            app.find_dead_letters_sync("nobody")


async def test_without_redis(recorded: Stage, fail: Failing, history_url: str, log: Log) -> None:
    """Who has no Redis is told, and nothing stands in the log that was never begun."""
    [job_id] = await die(recorded, fail, "a")
    async with JobQueue(settings=Settings(database_url=history_url)) as app:
        with pytest.raises(ConfigurationError, match="redis_url is not set"):
            await app.retry_dead_letters([job_id])
        with pytest.raises(ConfigurationError, match="redis_url is not set"):
            await app.retry_all_dead_letters()
        assert await app.clear_dead_letters() == 1
    assert [row["action"] for row in log()] == ["dlq.clear"]
