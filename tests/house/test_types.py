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
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from jobqueue import Job, JobCall, JobHandle, JobQueue, Prepared, Retry, Status

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
