"""What a handler hides is seen nowhere, however its job ends; the job itself keeps it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import msgspec
import pytest
from pydantic import BaseModel

from jobqueue import Job, JobFailed, JobQueue, Progress, Retry, current_job
from jobqueue.history import engine, queries
from tests.support import child_jobs as children
from tests.support.stage import Stage, stage_on, stage_with
from tests.support.waiting import wait_until

SECRET = "hunter2-hunter2"  # noqa: S105 - what else


def everything(caplog: pytest.LogCaptureFixture) -> str:
    """Return every log line with all its fields and tracebacks."""
    form = logging.Formatter()
    return "\n".join(f"{form.format(r)} {r.__dict__}" for r in caplog.records)


@pytest.fixture
async def recorded(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app with a history."""
    async with stage_on(redis_url, database_url=history_url) as stage:
        yield stage


def raising(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that says the secret in every way that an error has."""

    @stage.app.job(retry=Retry(1, base=0.01), redact=["token"])
    async def work(token: str, visible: str) -> NoReturn:
        error = LookupError({"header": f"Bearer {token}"})
        error.add_note(f"with {token!r}")
        raise ValueError(f"{visible} {token} was refused") from error

    return work


async def test_a_failed_job(recorded: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """History row, dead letter, lookup, log lines, hooks and waiters: none shows it."""
    caplog.set_level(logging.DEBUG)
    stage, told = recorded, list[Any]()
    for name in ("failure", "retry", "dead"):
        stage.app.on(name)(told.append)
    work = raising(stage)
    job = await work.enqueue(SECRET, visible="seen")
    found = [await stage.app.find(job.id)]
    async with stage.app.worker(), stage.app.scheduler():
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=30)
        found.append(await stage.app.find(job.id))

        async def written() -> bool:
            async with engine.opened(stage.app.settings.database_url or "", "test") as database:
                return len(await queries.executions(database, job.id)) == 2

        await wait_until(written, description="both rows are in the history")
        found.append(await stage.app.find(job.id))
        [letter] = await stage.app.dead_letters()
    seen = msgspec.structs.replace(letter, spec=b"")  # which a redrive needs
    shown = [str(failed.value), *map(repr, told), *map(repr, found), repr(seen), everything(caplog)]
    for text in shown:
        assert SECRET not in text
    [view] = found[-1]
    assert view.arguments == {"token": "***", "visible": "seen"}
    assert [row.arguments for row in view.executions] == [view.arguments] * 2
    assert view.error is not None
    assert view.error.message == "seen *** was refused"
    assert "Bearer ***" in view.error.traceback
    assert (letter.job_id, letter.arguments) == (job.id, view.arguments)


async def test_a_redrive_has_it(recorded: Stage) -> None:
    """A dead letter that runs again gets the true value."""
    stage = recorded

    @stage.app.job(retry=0, redact=["token"])
    async def work(token: str) -> int:
        if not current_job().run:
            raise ValueError(token)
        return len(token)

    job = await work.enqueue(SECRET)
    async with stage.app.worker(), stage.app.scheduler():
        with pytest.raises(JobFailed):
            await job.result(timeout=30)
        await wait_until(stage.app.dead_letters, description="the dead letter")
        [retried] = await stage.app.retry_dead_letters([job.id])
        assert retried.error is None
        assert await job.result(timeout=30) == len(SECRET)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"number": "4111-1111", "cvc": "9876"}, "4111-1111 and 9876"),
        (["first-word", "other-word"], "first-word or other-word"),
        (12345678, "pin 12345678"),
        ("it's a\nsecret", "repr is 'it\\'s'"),
    ],
    ids=["object", "list", "number", "quotes"],
)
async def test_what_is_inside(stage: Stage, value: Any, text: str) -> None:
    """Parts of a hidden value are hidden too: in objects, lists and numbers, and in a repr."""

    @stage.app.job(retry=0, redact=["card"])
    async def work(card: Any) -> None:
        raise ValueError(text, repr(card), str(card), card)

    job = await work.enqueue(value)
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    shown = f"{row.error_message}{row.traceback}"
    for part in ("4111-1111", "9876", "first-word", "other-word", "12345678", "it's a", "secret'"):
        assert part not in shown.replace("raise ValueError(text, repr(card), str(card), card)", "")
    assert "***" in shown


async def test_positional_ones_of_a_producer_without_code(stage: Stage) -> None:
    """Who enqueues by name does not know what is hidden; the worker does."""

    @stage.app.job(retry=0, redact=["token"], name="work")
    async def work(number: int, token: str) -> None:
        raise ValueError(f"{number}: {token}")

    async with JobQueue(settings=stage.app.settings) as elsewhere:
        job = await elsewhere.ref("work").enqueue(7, SECRET)
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert SECRET not in f"{row.error_message}{row.traceback}"
    assert row.redact == ("token",)


async def looked_up(stage: Stage, job_id: str) -> Any:
    """Return the arguments of a job as a lookup shows them."""
    [view] = await stage.app.find(job_id)
    return view.arguments


async def started_once(stage: Stage, redact: list[str]) -> None:
    """Let a worker with the handler ``work`` start and stop."""
    async with JobQueue(settings=stage.app.settings) as app:

        @app.job(name="work", redact=redact)
        async def work(token: str, visible: int = 1) -> None: ...

        async with app.worker():
            pass


async def test_waiting_jobs_of_a_producer_without_code(stage: Stage) -> None:
    """Once a worker that knows the handler has started, lookups without any code hide it too."""
    work = stage.app.ref("work")
    before = await work.enqueue(token=SECRET, visible=1)
    assert await looked_up(stage, before.id) == {"token": SECRET, "visible": 1}
    taken = await stage.broker.take()
    await started_once(stage, ["token"])
    after = await work.options(delay=3600).enqueue(token=SECRET, visible=1)
    for job in (before, after):
        assert await looked_up(stage, job.id) == {"token": "***", "visible": 1}
    await stage.broker.fail(taken, 3_600_000)
    assert await looked_up(stage, before.id) == {"token": "***", "visible": 1}


async def test_older_code_shows_nothing(stage: Stage) -> None:
    """A worker whose handler hides nothing takes nothing back; another list replaces the old."""
    job = await stage.app.ref("work").options(delay=3600).enqueue(token=SECRET, visible=1)
    await started_once(stage, ["token"])
    await started_once(stage, [])
    assert await looked_up(stage, job.id) == {"token": "***", "visible": 1}
    await started_once(stage, ["visible", "token"])
    assert await looked_up(stage, job.id) == {"token": "***", "visible": "***"}


async def test_nothing_is_said_where_nothing_is_hidden(stage: Stage) -> None:
    """Handlers without redaction leave no key."""
    await started_once(stage, [])
    assert not await stage.broker.redis("EXISTS", stage.broker.key("hidden"))


async def test_ends_without_a_word_of_the_worker(recorded: Stage) -> None:
    """A lost, an expired and a cancelled job of a producer without code have masked rows."""
    stage, work = recorded, recorded.app.ref("work")
    await started_once(stage, ["token"])
    lost = await work.enqueue(token=SECRET)
    other = await stage.app.ref("other").options(delay=3600).enqueue(token="seen")  # noqa: S106 - hidden by nobody
    await stage.broker.take()
    await stage.broker.crash(budget=1)
    expired = await work.options(expires=0.01).enqueue(token=SECRET)
    cancelled = await work.options(delay=3600).enqueue(token=SECRET)
    for job in (cancelled, other):
        await job.cancel()
    found: dict[tuple[str, bool], Any] = {}
    async with stage.app.scheduler():
        for job in (lost, expired, cancelled, other):

            async def rows(job_id: str = job.id) -> Any:
                [view] = await stage.app.find(job_id)
                return view.executions

            [row] = await wait_until(rows, description="its row is in the history")
            found[row.outcome, job is other] = row.arguments
        [letter] = await stage.app.dead_letters()
    masked = {"token": "***"}
    assert found == {
        ("lost", False): masked,
        ("expired", False): masked,
        ("cancelled", False): masked,
        ("cancelled", True): {"token": "seen"},
    }
    assert letter.arguments == masked


class Card(BaseModel):
    """An argument with a part of another type than the test gives."""

    pin: int


async def test_a_mismatch(stage: Stage) -> None:
    """What a model says of arguments that don't fit does not show them."""

    @stage.app.job(redact=["card"])
    async def work(card: Card) -> None:
        """Do nothing."""

    async with JobQueue(settings=stage.app.settings) as elsewhere:
        job = await elsewhere.ref("work").enqueue(card={"pin": SECRET})
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.reason == "mismatch"
    assert SECRET not in f"{row.error_message}"


async def test_a_timeout(stage: Stage) -> None:
    """The traceback of an attempt that was too late is hidden like any other."""

    @stage.app.job(retry=0, timeout=0.05, redact=["token"])
    async def work(token: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError(token) from None

    job = await work.enqueue(SECRET)
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.outcome == "timed_out"
    assert "LookupError: ***" in (row.traceback or "")


async def test_in_a_child(redis_url: str) -> None:
    """So is what a child raises."""
    async with stage_with(children.app, redis_url) as stage:
        job: Any = await children.refuse.enqueue(SECRET)
        async with stage.app.worker():
            [row] = await stage.ended(job.id)
    assert row.error_message == "bad token '***'"
    assert SECRET not in (row.traceback or "")


async def test_progress(stage: Stage) -> None:
    """What a handler says on the way does not show it, to people or to waiters."""
    released = asyncio.Event()

    @stage.app.job(redact=["token"])
    async def work(token: str) -> None:
        current_job().progress(0.5, f"using {token}")
        await released.wait()

    job = await work.enqueue(SECRET)
    heard: list[Progress] = []
    async with stage.app.worker():
        waiting = asyncio.create_task(job.result(timeout=30, on_progress=heard.append))
        await wait_until(lambda: bool(heard), description="the waiter hears of it")
        [found] = await stage.app.find(job.id)
        released.set()
        await waiting
    assert found.progress is not None
    assert [found.progress.message, heard[0].message] == ["using ***"] * 2


async def test_of_older_code(stage: Stage) -> None:
    """What the producer's code hid stays hidden where the worker's code hides nothing."""
    async with JobQueue(settings=stage.app.settings) as older:

        @older.job(name="work", redact=["token"])
        async def hides(token: str) -> None: ...

        job = await hides.enqueue(SECRET)

    @stage.app.job(name="work", retry=0)
    async def work(token: str) -> None:
        raise ValueError(token)

    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert SECRET not in f"{row.error_message}{row.traceback}"


async def test_a_failing_rule(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A predicate or delay function that fails over the error does not bring it into the log."""

    def predicate(_error: BaseException) -> bool:
        raise TypeError("own bug")

    def backoff(_attempt: int, _error: BaseException, _job: Any) -> float:
        raise TypeError("own bug")

    @stage.app.job(retry=Retry(1, backoff=backoff), is_failure=predicate, redact=["token"])
    async def work(token: str) -> None:
        raise ValueError(token)

    job = await work.enqueue(SECRET)
    async with stage.app.worker():
        await stage.reaches(job.id, "retrying")
    assert "own bug" in everything(caplog)
    assert SECRET not in everything(caplog)


async def test_the_worker_runs_with_it(stage: Stage) -> None:
    """The handler gets the true value, of course."""

    @stage.app.job(redact=["token"])
    async def work(token: str) -> int:
        return len(token)

    job = await work.enqueue(SECRET)
    async with stage.app.worker():
        assert await job.result(timeout=30) == len(SECRET)
    [row] = await stage.rows(job.id)
    assert row.redact == ("token",)
    assert json.dumps(SECRET) not in repr(row.result)
