"""Dead letters from the library: listed, put back, and never doubled."""

import asyncio
from typing import Any

import pytest

from jobqueue import (
    BrokerUnavailable,
    ConfigurationError,
    DeadLetterNotFound,
    DuplicateJob,
    InvalidJob,
    Job,
    JobQueue,
    RedriveConflict,
    Unique,
)
from jobqueue.client.redrive import Redriver
from jobqueue.history import engine
from jobqueue.history.claims import claim
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.stage import Stage

Failing = Job[[int], Any, None]


@pytest.fixture
def fail(recorded: Stage) -> Failing:
    """A job that dies, unless the log of the stage says that it is mended."""

    @recorded.app.job(retry=0)
    async def fail(number: int) -> None:
        if not recorded.log:
            raise ValueError(f"number {number}")

    return fail


async def die(stage: Stage, job: Failing, count: int) -> list[str]:
    """Let so many jobs die and become letters; return their ids."""
    ids = [(await job.enqueue(number)).id for number in range(count)]
    async with stage.app.worker():
        await letters(stage, count)
    return ids


async def letters(stage: Stage, count: int) -> None:
    """Wait until so many letters are open."""

    async def there() -> bool:
        return len(await stage.app.dead_letters(limit=1000)) == count

    await wait_until(there, description=f"{count} open letters")


async def test_keys_are_taken_again(recorded: Stage) -> None:
    """A job that goes back has its lock, and its unique key or a conflict."""

    @recorded.app.job(retry=0, unique=Unique())
    async def fail(number: int) -> None:
        raise ValueError(f"number {number}")

    locked = fail.options(lock="K")
    first, second = await locked.enqueue(1), await fail.enqueue(2)
    async with recorded.app.worker():
        await letters(recorded, 2)
    taken = await fail.enqueue(2)
    one, two = await recorded.app.retry_dead_letters([first.id, second.id])
    assert one.error is None
    assert isinstance(two.error, RedriveConflict)
    with pytest.raises(DuplicateJob, match=first.id):
        await fail.enqueue(1)
    behind = await locked.enqueue(3)
    assert (behind.status, behind.other) == ("blocked", first.id)
    assert taken.status == "created"


async def test_back_and_mended(recorded: Stage, fail: Failing) -> None:
    """A letter's job runs again as run 1 of the same job, and its letter is closed."""
    [job_id] = await die(recorded, fail, 1)
    recorded.log.append("mended")
    [answer] = await recorded.app.retry_dead_letters([job_id])
    assert (answer.id, answer.job_id, answer.queue, answer.error) == (
        job_id, job_id, "default", None,
    )  # fmt: skip
    [found] = await recorded.app.find(job_id)
    assert (found.state, found.run, found.attempts) == ("ready", 1, 0)
    assert await recorded.app.dead_letters() == []
    async with recorded.app.worker():

        async def ended() -> list[str]:
            [job] = await recorded.app.find(job_id)
            return [row.outcome for row in job.executions if row.run == 1]

        assert await wait_until(ended, description="run 1 is recorded") == ["succeeded"]


async def test_by_letter_and_by_job(recorded: Stage, fail: Failing) -> None:
    """A letter's own id and the id of its job mean the same."""
    ids = await die(recorded, fail, 2)
    [newest, _] = await recorded.app.dead_letters()
    answers = await recorded.app.retry_dead_letters([newest.execution_id, ids[0]])
    assert [each.job_id for each in answers] == [ids[1], ids[0]]
    assert [each.error for each in answers] == [None, None]


async def test_the_oldest_goes_first(recorded: Stage, fail: Failing) -> None:
    """However they are named, jobs come back in the order in which they were handed out."""
    ids = await die(recorded, fail, 20)
    await recorded.app.retry_dead_letters(reversed(ids))
    waiting = await recorded.broker.redis("XRANGE", recorded.broker.key("ready:2"), "-", "+")
    assert [fields[1].decode() for _, fields in waiting] == ids


async def test_unknown_and_conflicting(recorded: Stage, fail: Failing) -> None:
    """What can't go back says why; the others are not held up."""
    twin = fail.options(job_id="mine", result_ttl=0)
    await twin.enqueue(1)
    async with recorded.app.worker():
        await letters(recorded, 1)
    [other] = [await fail.enqueue(2)]
    async with recorded.app.worker():
        await letters(recorded, 2)

    async def forgotten() -> bool:
        return not await recorded.broker.redis("KEYS", "*:mine")

    await wait_until(forgotten, description="Redis has forgotten the first job")
    await twin.options(delay=60).enqueue(3)
    answers = await recorded.app.retry_dead_letters(["nobody", "mine", other.id])
    kinds = [type(each.error) for each in answers]
    assert kinds == [DeadLetterNotFound, RedriveConflict, type(None)]
    [left] = await recorded.app.dead_letters()
    assert left.job_id == "mine"


async def test_several_at_once(recorded: Stage, fail: Failing) -> None:
    """One letter, many callers: one new run; the others are told that there is no letter."""
    [job_id] = await die(recorded, fail, 1)
    answers = await asyncio.gather(*(recorded.app.retry_dead_letters([job_id]) for _ in range(5)))
    errors = [answer.error for [answer] in answers]
    assert errors.count(None) == 1
    assert sum(isinstance(error, DeadLetterNotFound) for error in errors) == 4
    [counts] = await recorded.app.queue_counts()
    assert sum(counts.ready.values()) == 1


async def test_repeating_after_a_lost_mark(
    recorded: Stage, fail: Failing, history_url: str
) -> None:
    """A caller that died before the letter was marked: the next one makes no second run."""
    [job_id] = await die(recorded, fail, 1)
    [letter] = await recorded.app.dead_letters()
    wire = recorded.app.wiring.wire
    async with (
        engine.opened(history_url, "test") as database,
        wire.server.lane() as lane,
        claim(database, [letter.execution_id]) as claimed,
    ):
        again = Redriver(wire, lane, database, "")
        assert await again.redrive(claimed.letters) == ["redriven"]
    await letters(recorded, 1)
    [answer] = await recorded.app.retry_dead_letters([job_id])
    assert answer.error is None
    await letters(recorded, 0)
    [counts] = await recorded.app.queue_counts()
    assert sum(counts.ready.values()) == 1


async def test_more_than_a_transaction_holds(recorded: Stage, fail: Failing) -> None:
    """Any number may be given; each is answered, in its order."""
    ids = await die(recorded, fail, 600)
    answers = await recorded.app.retry_dead_letters(ids)
    assert [each.job_id for each in answers] == ids
    assert not any(each.error for each in answers)
    assert await recorded.app.dead_letters() == []


async def test_redis_is_away(recorded: Stage, fail: Failing, history_url: str) -> None:
    """Nothing is marked that is not back."""
    [job_id] = await die(recorded, fail, 1)
    settings = Settings(
        redis_url="redis://127.0.0.1:1", database_url=history_url, enqueue_timeout=0.1
    )
    async with JobQueue(settings=settings) as cut_off:
        with pytest.raises(BrokerUnavailable):
            await cut_off.retry_dead_letters([job_id])
    await letters(recorded, 1)


async def test_pages(recorded: Stage, fail: Failing) -> None:
    """The newest first, page by page; a wrong cursor is refused."""
    ids = await die(recorded, fail, 3)
    page = await recorded.app.dead_letters(limit=2)
    rest = await recorded.app.dead_letters(limit=2, before=page[-1].execution_id)
    assert [each.job_id for each in page + rest] == ids[::-1]
    assert await recorded.app.dead_letters(name="other") == []
    with pytest.raises(InvalidJob, match="before"):
        await recorded.app.dead_letters(before="yesterday")


def test_sync_forms(redis_url: str, history_url: str) -> None:
    """Programs without an event loop can list and retry too."""
    settings = Settings(redis_url=redis_url, database_url=history_url)
    with JobQueue(settings=settings) as app:
        assert app.dead_letters_sync() == []
        [answer] = app.retry_dead_letters_sync(["nobody"])
        assert isinstance(answer.error, DeadLetterNotFound)


async def test_without_a_database(stage: Stage) -> None:
    """Letters are in PostgreSQL alone: without it the message says what to set."""
    with pytest.raises(ConfigurationError, match="database_url is not set"):
        await stage.app.dead_letters()
