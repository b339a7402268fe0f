"""The fault suite harms workers that have jobs in hand, and says where there was none."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest

from jobqueue.embedded import ValkeyServer
from scripts.faults import holding
from scripts.faults.catalogue import FAULTS
from scripts.faults.registry import Injection
from scripts.faults.report import Figures
from scripts.faults.servers import Servers
from scripts.faults.services import Crew
from scripts.faults.stage import WORKERS, Stage
from tests.support.broker import Broker, connect
from tests.support.waiting import wait_until

SEED = 7
CHOSEN = Random(SEED).choice(list(WORKERS))
OTHER = next(name for name in WORKERS if name != CHOSEN)


@pytest.fixture
async def broker(breakable_redis: ValkeyServer) -> AsyncIterator[Broker]:
    """The queue that most of the suite's jobs go to."""
    async with connect(breakable_redis.url) as broker:
        broker.queue = "main"
        yield broker


@pytest.fixture
def stage(breakable_redis: ValkeyServer, tmp_path: Path) -> Iterator[Stage]:
    """A stage with nothing but Redis, and four processes in the place of workers."""
    servers = Servers(breakable_redis, None, None, None, "")  # type: ignore[arg-type]
    stage = Stage(tmp_path, servers, Crew(tmp_path), SEED, 0, 0.0)
    for name in WORKERS:
        stage.crew.add(name, ["-c", "import time; time.sleep(600)"], dict(os.environ))
    yield stage
    stage.end()


async def give(broker: Broker, stage: Stage, name: str) -> None:
    """Let one of the processes take a job."""
    await broker.enqueue(f"of {name}")
    await broker.take(f"host-{stage.crew.pid(name)}-ab")


async def test_waits_for_a_job(broker: Broker, stage: Stage) -> None:
    """Whom the seed names is killed when it has a job, though another had one before."""
    killed, injection = stage.crew.pid(CHOSEN), Injection("kill-worker", 0.0)
    await give(broker, stage, OTHER)
    killing = asyncio.create_task(
        asyncio.to_thread(FAULTS["kill-worker"].inject, stage, Random(SEED), injection)
    )
    holds = time.time()
    await give(broker, stage, CHOSEN)
    await killing
    assert (injection.target, injection.pids, injection.idle) == (CHOSEN, [killed], False)
    assert injection.began >= holds
    await wait_until(lambda: stage.crew.pid(CHOSEN) not in {None, killed}, description="another")


async def test_another_holds_one(
    broker: Broker, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first gets no job, one that has any takes its place."""
    monkeypatch.setattr(holding, "PATIENCE", 0.2)
    await give(broker, stage, OTHER)
    injection = Injection("kill-worker", 0.0)
    found = await asyncio.to_thread(holding.victim, stage, Random(SEED), injection)
    assert (found, injection.idle) == (OTHER, False)


@pytest.mark.parametrize("away", [False, True])
async def test_nobody_holds_one(
    broker: Broker,
    stage: Stage,
    breakable_redis: ValkeyServer,
    monkeypatch: pytest.MonkeyPatch,
    away: bool,
) -> None:
    """Where nobody has a job, or Redis can't say, the fault is counted as an idle one."""
    monkeypatch.setattr(holding, "PATIENCE", 0.2)
    await broker.finish(*await broker.fetch())
    if away:
        breakable_redis.kill()
    injection = Injection("kill-worker", 0.0)
    found = await asyncio.to_thread(holding.victim, stage, Random(SEED), injection)
    assert (found, injection.idle) == (CHOSEN, True)
    if away:
        breakable_redis.start()


def test_the_report_says_so() -> None:
    """A row of the report tells how often a worker held nothing."""
    row = Figures("kill-worker", 100, 3, 0, 0, [], idle=1)
    assert row.remark() == "kill-worker: 1 of 3 hit a worker that held no job"
    assert Figures("kill-worker", 100, 3, 0, 0, []).remark() is None
