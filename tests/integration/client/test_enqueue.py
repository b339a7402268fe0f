"""One job at a time: what is stored, what the caller learns, and what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import InvalidJob, JobCall, JobExists, JobHandle, JobQueue, Priority, State, Status
from tests.integration.client.conftest import Counter
from tests.support.stage import Stage


@pytest.fixture
def app(stage: Stage) -> JobQueue:
    """Return an app with one job."""
    stage.app.job(queue="email", priority="high")(send)
    return stage.app


async def send(to: str, subject: str = "hi") -> str:
    """Send nothing."""
    return f"{subject}, {to}"


async def test_created(app: JobQueue) -> None:
    """The handle names the job; Redis has it as it was given."""
    job = await app.ref("send").enqueue("a@example.com", subject="hello")
    assert isinstance(job, JobHandle)
    assert (job.queue, job.status) == ("email", Status.CREATED)
    assert repr(job) == f"<job {job.id} created in email>"
    [found] = await app.find(job.id)
    assert (found.state, found.queue, found.name) == (State.READY, "email", "send")
    assert found.priority == Priority.HIGH
    assert found.arguments == {"to": "a@example.com", "subject": "hello"}


async def test_by_name(app: JobQueue) -> None:
    """Without the handler's code, positional arguments wait for the worker to name them."""
    job = await app.ref("elsewhere").enqueue(1, two=2)
    [found] = await app.find(job.id)
    assert (found.queue, found.name) == ("default", "elsewhere")
    assert found.arguments == {"*": [1], "two": 2}


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, State.READY),
        ({"delay": 0}, State.READY),
        ({"delay": 60}, State.SCHEDULED),
        ({"run_at": datetime(2020, 1, 1, tzinfo=UTC)}, State.READY),
        ({"run_at": datetime(2100, 1, 1, tzinfo=UTC)}, State.SCHEDULED),
    ],
)
async def test_when(app: JobQueue, options: Any, state: State) -> None:
    """A job is ready now or scheduled; a moment in the past means now."""
    job = await app.ref("send").options(**options).enqueue("a")
    [found] = await app.find(job.id)
    assert found.state is state
    if "run_at" in options and state is State.SCHEDULED:
        assert found.due_at == options["run_at"]
    if "delay" in options and state is State.SCHEDULED:
        assert found.due_at is not None
        assert found.enqueued_at is not None
        assert found.due_at - found.enqueued_at == timedelta(seconds=60)


async def test_own_id_is_taken_once(app: JobQueue) -> None:
    """A second job with the id is refused, and the first one stays as it was."""
    call = app.ref("send").options(job_id="order:42")
    assert (await call.enqueue("first")).id == "order:42"
    for again in (call, call.options(delay=60), call.options(priority="critical")):
        with pytest.raises(JobExists) as caught:
            await again.enqueue("second")
        assert caught.value.job_id == "order:42"
    with pytest.raises(JobExists):
        await asyncio.to_thread(call.enqueue_sync, "second")
    [found] = await app.find("order:42")
    assert (found.state, found.arguments) == (State.READY, {"to": "first"})
    assert found.priority == Priority.HIGH


async def test_own_id_at_the_same_moment(app: JobQueue, server: Counter) -> None:
    """Of fifty at once one is created, whether they share a round trip or not."""
    call = app.ref("send").options(job_id="order:42")
    calls = [call.enqueue(str(n)) for n in range(50)]
    threads = [asyncio.to_thread(call.enqueue_sync, str(n)) for n in range(10)]
    found = await asyncio.gather(*calls, *threads, return_exceptions=True)
    assert sum(isinstance(each, JobHandle) for each in found) == 1
    assert sum(isinstance(each, JobExists) for each in found) == 59
    assert sum("{email}:job:" in key for key in server.stored()) == 1


async def test_an_id_belongs_to_a_queue(app: JobQueue) -> None:
    """The same id may stand in two queues."""
    call = app.ref("send").options(job_id="1")
    await call.enqueue("a")
    await call.options(queue="other").enqueue("b")
    assert [found.queue for found in await app.find("1")] == ["email", "other"]


@pytest.mark.parametrize(
    ("options", "args", "argument"),
    [
        ({"priority": "hihg"}, ("a",), "priority"),
        ({"queue": "a b"}, ("a",), "queue"),
        ({"delay": -1}, ("a",), "delay"),
        ({"run_at": datetime(2026, 1, 1)}, ("a",), "run_at"),  # noqa: DTZ001 - that is the point
        ({"dealy": 1}, ("a",), "dealy"),
        ({"job_id": ""}, ("a",), "job_id"),
        ({}, (), "to"),
        ({}, ("a", "b", "c"), "arguments"),
        ({}, (float("nan"),), "to"),
        ({}, ("a\0b",), "to"),
        ({}, ("\ud800",), "to"),
        ({}, (object(),), "to"),
        ({}, ("x" * (1 << 20),), "arguments"),
    ],
)
async def test_refused(
    app: JobQueue, server: Counter, options: Any, args: tuple[Any, ...], argument: str
) -> None:
    """The error names the thing, in every form of the call, and nothing is stored."""

    def call() -> JobCall[..., Any]:
        return app.ref("send").options(**options)

    for attempt in (
        lambda: call().enqueue(*args),
        lambda: asyncio.to_thread(lambda: call().enqueue_sync(*args)),
        lambda: app.enqueue_many(call().prepare(*each) for each in [("fine",), args]),
    ):
        with pytest.raises(InvalidJob) as caught:
            await attempt()
        assert caught.value.argument == argument
    assert server.stored() == set()


async def test_the_largest_arguments(app: JobQueue) -> None:
    """What is exactly as large as the limit goes through, and comes back whole."""
    text = "é" * ((app.settings.max_arguments - len('{"to":""}')) // 2)
    job = await app.ref("send").enqueue(text)
    [found] = await app.find(job.id)
    assert found.arguments == {"to": text}


async def test_deep_and_odd_arguments(app: JobQueue) -> None:
    """Unicode, depth and large numbers survive."""
    deep: Any = "\U0001f600 \u202e\r\n\t\x7f\\\"'"
    for n in range(200):
        deep = {"é": [deep, 2**70 + n]}
    job = await app.ref("elsewhere").enqueue(value=deep)
    [found] = await app.find(job.id)
    assert found.arguments == {"value": deep}
