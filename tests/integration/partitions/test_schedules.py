"""Schedules of a queue with partitions: while it is split, and where code and Redis differ."""

import logging
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest

from jobqueue import ConfigurationError, JobQueue, current_job
from jobqueue.scheduler import unserved
from tests.support.waiting import wait_until

from .conftest import PARTITIONS, Split


def ticking(split: Split, app: JobQueue) -> None:
    """Declare the same schedule in an app."""

    @app.every(0.5)
    @app.job(queue="mail")
    async def tick() -> None:
        split.log.append(current_job().id)


async def test_split_while_a_scheduler_runs(split: Split) -> None:
    """A scheduler with older code goes on beside newer ones: each occurrence fires once."""
    ticking(split, split.app)
    async with split.other() as older:
        ticking(split, older)
        async with older.scheduler(), older.worker():
            await split.logged(2)
            async with split.app.scheduler(), split.app.worker():
                await split.logged(len(split.log) + 6, deadline=30)
    times = sorted(datetime.fromisoformat(each.partition("@")[2]) for each in split.log)
    steps = {later - sooner for sooner, later in pairwise(times)}
    assert timedelta() not in steps, "an occurrence ran twice"


async def test_another_number(split: Split) -> None:
    """A scheduler whose app declares other partitions for a schedule's queue does not start."""
    await split.broker.run(split.broker.calls.register("mail", PARTITIONS))
    async with split.other(partitions=3) as other:
        ticking(split, other)
        with pytest.raises(ConfigurationError, match=f"has {PARTITIONS} partitions, and this app"):
            await other.services.scheduler()


async def test_another_number_later(split: Split, caplog: pytest.LogCaptureFixture) -> None:
    """One that runs does not fire that schedule, says so once, and goes on with all else."""
    ticking(split, split.app)
    keys = split.broker.keys
    async with split.app.scheduler() as scheduler:
        await split.broker.redis("SREM", keys.queues, f"mail#{PARTITIONS - 1}")
        await wait_until(lambda: scheduler.problems, description="its health says so")
        assert len(scheduler.problems) == 1
    errors = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert errors == ["schedule can't be fired"]


async def test_workers_from_before_the_split(
    split: Split, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler says once of which split queue no worker takes the partitions, and what to do."""
    monkeypatch.setattr(unserved, "EVERY", 0.05)

    def said() -> list[object]:
        return [each.queue for each in caplog.records if "restart those" in each.message]  # type: ignore[attr-defined]

    async with split.other() as older, older.worker(queues=["mail", "other"]):
        await wait_until(lambda: older.living("worker"), description="it has said that it lives")
        async with split.app.scheduler() as scheduler:
            await split.broker.run(split.broker.calls.register("mail", PARTITIONS))
            await wait_until(said, description="a warning")
            assert not scheduler.problems
            async with split.app.worker(queues=["mail"]) as worker:
                await wait_until(partial(names, older, worker.id), description="a newer one")
                # Behind this block nobody serves them again, and it may say so again.
                assert said() == ["mail"]


async def names(app: JobQueue, worker: str) -> bool:
    """Say whether a worker has said that it lives."""
    return worker in [each["id"] for each in await app.living("worker")]
