"""Type checkers see the handler's own arguments and result wherever it is enqueued.

The sample below is checked by mypy and by pyright (through the basedpyright wheel). Each
line that ends with ``# wrong`` must be an error to both, and no other line to either.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = """
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from jobqueue import (
    CurrentJob, Draft, Job, JobCall, JobEvent, JobHandle, JobQueue, Lifespan, Limit, Prepared,
    Progress, Rate, Retry, Signal, State, Status, Unique, current_job,
)

app = JobQueue()


@dataclass
class Receipt:
    number: int


@app.job(queue="email", priority="high", retry=Retry(5, jitter="decorrelated"), timeout=30)
async def send(to: str, subject: str, *, copies: int = 1) -> Receipt:
    return Receipt(len(to + subject) * copies)


@app.job()
def resize(path: str, width: int = 100) -> bool:
    return len(path) > width


@app.job(process=True)
def total(*numbers: int, **more: float) -> float:
    return sum(numbers) + sum(more.values())


@app.every(timedelta(minutes=5))
@app.cron("@daily", timezone="Europe/Berlin", dst="skip")
@app.job()
def tick(times: int = 1) -> int:
    return times


@app.job
def bare(size: int) -> str:
    return "x" * size


@app.job
async def bare_later(size: int) -> str:
    return "x" * size


app.job(nmae="x")  # wrong
Retry(3, bas=1)  # wrong
JobQueue(redis_ulr="redis://x")  # wrong
app.job(priority="urgent")  # wrong
app.job(retries=3)  # wrong
app.job(timeout="30s")  # wrong
app.cron("@daily", dst="twice")  # wrong
app.every(5)(resize)  # wrong
app.every(5)(len)  # wrong


async def producer() -> None:
    assert_type(await send("a@example.com", "hi"), Receipt)
    assert_type(resize("a.png"), bool)
    send("a@example.com")  # wrong
    resize(5)  # wrong

    job = await send.enqueue("a@example.com", "hi", copies=2)
    assert_type(job, JobHandle[Receipt])
    assert_type(job.id, str)
    assert_type(job.queue, str)
    assert_type(job.status, Status)
    assert_type(await job.result(timeout=10), Receipt)
    assert_type(job.result_sync(), Receipt)
    await job.result(timeout="10")  # wrong
    text: str = await job.result()  # wrong
    print(text, job.resultt)  # wrong
    await send.enqueue("a@example.com")  # wrong
    await send.enqueue("a@example.com", 5)  # wrong
    await send.enqueue("a@example.com", "hi", 2)  # wrong
    await send.enqueue("a@example.com", "hi", copys=2)  # wrong
    await send.enqueue("a@example.com", "hi", delay=5)  # wrong

    assert_type(await bare.enqueue(5), JobHandle[str])
    assert_type(await (await bare_later.enqueue(5)).result(), str)
    assert_type(await bare_later(5), str)
    await bare.enqueue("5")  # wrong
    await bare_later.enqueue("5")  # wrong
    assert_type(await resize.enqueue("a.png"), JobHandle[bool])
    assert_type(await total.enqueue(1, 2, x=3), JobHandle[float])
    assert_type(await tick.enqueue(), JobHandle[int])
    await resize.enqueue(path=5)  # wrong
    await resize.enqueue("a.png", width="wide")  # wrong
    await total.enqueue(1, "2")  # wrong
    await total.enqueue(x="3")  # wrong
    await tick.enqueue("once")  # wrong

    later = send.options(delay=60, priority="low", retry=0)
    assert_type(await later.enqueue("a@example.com", "hi"), JobHandle[Receipt])
    send.options(run_at=datetime.now(UTC), job_id="a", timeout=timedelta(1), queue=None)
    resize.options(result_ttl=60).options(retry=Retry(2))
    await later.enqueue("a@example.com")  # wrong
    send.options(dealy=60)  # wrong
    send.options(delay="60")  # wrong
    send.options(priority="urgent")  # wrong
    send.options(run_at="tomorrow")  # wrong
    send.options(retry="3")  # wrong
    resize.options(job_id=5)  # wrong

    assert_type(send.prepare("a@example.com", "hi"), Prepared)
    many = await app.enqueue_many(resize.prepare(path) for path in ("a", "b"))
    assert_type(many, list[JobHandle[Any]])
    send.prepare("a@example.com")  # wrong
    resize.prepare(5)  # wrong
    later.prepare(5, "hi")  # wrong
    await app.enqueue_many(["a", "b"])  # wrong
    await app.enqueue_many([resize])  # wrong
    await app.enqueue_many(resize.enqueue(path) for path in ("a", "b"))  # wrong

    named = app.ref("send").options(queue="other")
    assert_type(named, JobCall[..., Any])
    assert_type(await named.enqueue(1, anything="goes"), JobHandle[Any])
    app.ref("send").options(dealy=60)  # wrong
    app.ref(send)  # wrong


def script() -> None:
    assert_type(send.enqueue_sync("a@example.com", "hi"), JobHandle[Receipt])
    assert_type(resize.options(delay=5).enqueue_sync("a.png").result_sync(5), bool)
    send.enqueue_sync("a@example.com")  # wrong
    resize.enqueue_sync(5)  # wrong
    resize.options(delay=5).enqueue_sync()  # wrong
    number: int = total.enqueue_sync(1).result_sync()  # wrong
    print(number)
    app.enqueue_many_sync([total.prepare("1")])  # wrong


def passed_on(
    send: Job[[str, str], Coroutine[Any, Any, Receipt], Receipt], call: JobCall[[str], bool]
) -> None:
    assert_type(send.enqueue_sync("a@example.com", "hi"), JobHandle[Receipt])
    assert_type(call.enqueue_sync("a.png"), JobHandle[bool])
    call.enqueue_sync(5)  # wrong


class Pool:
    size: int = 1


@app.lifespan
async def pool() -> AsyncIterator[Pool]:
    yield Pool()


@app.lifespan  # wrong
async def no_pool() -> int:
    return 1


@app.job(
    unique=Unique("path", until="started", on_conflict="replace"), lock_mode="optional",
    limit=[Limit(3), Limit(1, by="path")], rate=Rate(5, timedelta(minutes=1)), deadline=60,
    expires=timedelta(hours=1), tags=["a"], metadata={"a": 1}, redact=["path"],
    is_failure=lambda error: not isinstance(error, OSError),
)
def keyed(path: str) -> str:
    assert_type(pool, Lifespan[Pool])
    assert_type(pool.state, Pool)
    job = current_job()
    assert_type(job, CurrentJob)
    assert_type(job.deadline, datetime | None)
    assert_type(job.cancelled, bool)
    assert_type(job.shutting_down, Signal)
    assert_type(job.tags, tuple[str, ...])
    assert_type(job.metadata, dict[str, Any])
    job.progress(0.5, "half")
    job.progress("half")  # wrong
    pool.state.length  # wrong
    return path


app.job(limit="3")  # wrong
app.job(rate=3)  # wrong
app.job(unique=True)  # wrong
app.job(lock_mode="maybe")  # wrong
app.job(is_failure=True)  # wrong
Unique(until="whenever")  # wrong
Unique(on_conflict="ignore")  # wrong
Rate("5")  # wrong
Limit()  # wrong
app.queue("default", limit=3, rate=Rate(5), max_depth=100)
app.queue("default", max_depth="100")  # wrong


@app.middleware
async def around(job: CurrentJob, call_next: Callable[[], Awaitable[Any]]) -> Any:
    return await call_next()


@app.middleware(around="enqueue")
def before(draft: Draft, call_next: Callable[[Draft], Prepared]) -> Prepared:
    return call_next(draft)


app.middleware(before)  # wrong
app.middleware(around="enqueue")(around)  # wrong
app.middleware(around="retry")  # wrong


@app.on("dead")
def dead(event: JobEvent) -> None:
    assert_type(event.job, CurrentJob)
    assert_type(event.duration, float | None)


@app.on("health")
async def health(problem: str | None) -> None:
    print(problem)


app.on("died")  # wrong
app.on("dead")(health)  # wrong
app.on("health")(dead)  # wrong


def seen(progress: Progress) -> None:
    assert_type(progress.fraction, float)


async def control() -> None:
    job = await keyed.options(
        lock="k", idempotency_key="i", tags=("b",), metadata={"b": [1]}, expires=datetime.now(UTC),
        deadline=5, unique=Unique(),
    ).enqueue("a.png")
    assert_type(job, JobHandle[str])
    assert_type(job.other, str | None)
    assert_type(job.status.stored, bool)
    assert_type(await job.result(5, on_progress=seen), str)
    assert_type(job.result_sync(on_progress=seen), str)
    assert_type(await job.cancel("reason"), State)
    assert_type(await app.cancel(job.id, reason="reason"), State)
    await job.result(on_progress=len)  # wrong
    keyed.options(lock=5)  # wrong
    keyed.options(tags=5)  # wrong
    keyed.options(metadata=[1])  # wrong
    keyed.options(unique="path")  # wrong
    keyed.options(idempotency_key=5)  # wrong
    [limit] = await app.set_limit("default", "rate:queue", Rate(5, per=60))
    assert_type(limit.n, int)
    await app.set_limit("default", "limit:queue", "5")  # wrong
    async with app.worker(queues={"a": 6, "b": 3}, concurrency=5):
        pass
    async with app.worker(queues={"a": "6"}):  # wrong
        pass
"""

WRONG = {n for n, line in enumerate(SAMPLE.splitlines(), 1) if line.endswith("# wrong")}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Write the sample into a folder without any configuration."""
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE)
    return path


def lines(numbers: set[int]) -> list[str]:
    """Return lines of the sample, for the message of a test that fails."""
    return [SAMPLE.splitlines()[n - 1].strip() for n in sorted(numbers)]


def test_mypy(sample: Path) -> None:
    """Strict mypy finds every wrong line and no other."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    command += ["--no-color-output", "--hide-error-context"]
    done = subprocess.run(
        [*command, sample.name], cwd=sample.parent, capture_output=True, text=True, check=False
    )
    found = {int(n) for n in re.findall(r"^sample\.py:(\d+): error: ", done.stdout, re.MULTILINE)}
    assert done.stderr == ""
    assert lines(found ^ WRONG) == [], done.stdout


def test_pyright(sample: Path) -> None:
    """Pyright finds every wrong line and no other."""
    (sample.parent / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, sample.name], cwd=sample.parent, capture_output=True, text=True, check=False
    )
    found = {
        each["range"]["start"]["line"] + 1
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    }
    assert lines(found ^ WRONG) == [], done.stdout
