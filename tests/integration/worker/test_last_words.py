"""What is known of a process that died in a job: how it ended, its memory, its progress."""

import re
from typing import Any

import pytest

from jobqueue.broker import deaths
from jobqueue.worker.lifeline import Death
from tests.support import dying_jobs as dying
from tests.support.broker import Broker
from tests.support.stage import Stage, stage_with
from tests.support.waiting import wait_until

WORKER = "host-7-abcd"
UNKNOWN = "died or lost its lease"
KILLED = "killed by SIGKILL"


async def died(redis_url: str, how: str, **options: Any) -> Any:
    """Let a child die; return its job's row, once another job has run in the same worker."""
    async with stage_with(dying.app, redis_url) as stage, stage.app.worker(concurrency=1):
        job = await dying.die.enqueue(how, **options)
        [row] = await stage.ended(job.id, deadline=60)
        assert await (await dying.alive.enqueue()).result(timeout=60) == "alive"
    return row


@pytest.mark.parametrize(("how", "words"), [("kill", KILLED), ("leave", "ended with exit code 3")])
async def test_a_child(redis_url: str, how: str, words: str) -> None:
    """The row says how the child ended, what it had taken, and how far it was."""
    row = await died(redis_url, how, mib=600, progress=0.4)
    assert (row.error_type, row.reason) == ("jobqueue.ChildDied", "retries_exhausted")
    found = re.match(rf"{words} \(memory (\d+) MiB, progress 40% resizing\)", row.error_message)
    assert found, row.error_message
    assert 600 <= int(found[1]) < 900


async def test_a_small_child_that_said_nothing(redis_url: str) -> None:
    """What it inherited hides what it used: the row gives a bound, and no progress."""
    row = await died(redis_url, "leave")
    assert re.fullmatch(r"ended with exit code 3 \(memory (below )?\d+ MiB\)", row.error_message)


async def test_a_memory_limit_is_a_plain_failure(redis_url: str) -> None:
    """``MemoryError`` is an exception like any other."""
    row = await died(redis_url, "limit")
    assert (row.outcome, row.error_type) == ("failed", "MemoryError")


async def lost(broker: Broker, progress: str | None, **known: Any) -> Any:
    """Lose a worker with one job; return the job's row."""
    await broker.enqueue("1")
    delivery = await broker.take(WORKER)
    if progress is not None:
        await broker.progress(delivery, progress, WORKER)
    expiry = await broker.lapse(WORKER)
    call = broker.calls.reclaim(broker.queue, WORKER, expiry, 100, 1, **known)
    assert (await broker.run(call)).ended == 1
    [row] = await broker.journal()
    return row


@pytest.mark.parametrize(
    ("progress", "known", "words"),
    [
        (None, {}, UNKNOWN),
        ('{"fraction":0.4,"message":"resizing"}', {}, f"{UNKNOWN} (progress 40% resizing)"),
        ('{"fraction":1}', {"memory": "memory 9 MiB"}, f"{UNKNOWN} (memory 9 MiB, progress 100%)"),
        ('{"fraction":0,"message":"a\\u0000b"}', {"ending": KILLED}, f"{KILLED} (progress 0% ab)"),
        ("[0.5,null]", {}, UNKNOWN),
        ("no JSON", {"memory": "memory 9 MiB"}, f"{UNKNOWN} (memory 9 MiB)"),
    ],
)
async def test_a_worker(
    stage: Stage, progress: str | None, known: dict[str, Any], words: str
) -> None:
    """The lost row and the dead letter say what is known, whatever the job has reported."""
    row = await lost(stage.broker, progress, **known)
    assert (row.outcome, row.reason, row.error_type) == (
        "lost",
        "worker_lost",
        "jobqueue.WorkerLost",
    )
    assert row.error_message == f"{words}: worker {WORKER}"
    live = await stage.broker.state("1")
    assert f"its worker died 1 times; the last: {words}" in live["error"].replace("\\/", "/")


async def test_what_a_supervisor_has_seen(stage: Stage) -> None:
    """The process that takes the place of another tells how that one ended, for an hour."""
    broker = stage.broker
    async with stage.app.worker() as worker:
        pid = int(worker.id.rsplit("-", 2)[1])

        async def shown() -> int:
            return (await deaths.find(broker.lane, broker.keys, worker.id)).memory

        memory = await wait_until(shown, description="the worker has said what it uses")
        assert 10 << 20 < memory < 4 << 30
        await stage.app.services.note_end(Death(pid, -9))
        found = await deaths.find(broker.lane, broker.keys, worker.id)
        assert (found.ending, found.memory > 10 << 20) == (KILLED, True)
        key = broker.keys.death(worker.id)
        assert 3_590_000 < await broker.redis("PTTL", key) <= 3_600_000
    assert (await deaths.find(broker.lane, broker.keys, "host-1-0")).ending == UNKNOWN
