"""A reclaimer looks again before it takes, and takes nothing from a worker that lives."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.lanes import Server
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.worker.reclaimer import Reclaimer
from tests.support.broker import Broker, connect
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import wait_until

THIRD = SHORT / 3


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """A queue where worker ``w1`` holds a job, by a lease that is over."""
    async with connect(redis_url) as broker:
        await broker.enqueue("job")
        await broker.take("w1")
        await broker.lapse("w1")
        yield broker


@pytest.fixture
async def reclaimer(redis_url: str, broker: Broker) -> AsyncIterator[Reclaimer]:
    """A reclaimer that has seen nothing yet."""
    async with Server(redis_url).lane(timeout=0.2) as lane:
        yield Reclaimer(lane, broker.calls, [broker.queue], SHORT, 3)


async def taken(reclaimer: Reclaimer, broker: Broker) -> float:
    """Sweep until the job is taken; return the seconds that this took."""
    began = time.monotonic()

    async def swept() -> bool:
        await reclaimer.sweep()
        return (await broker.state("job"))["state"] == "ready"

    await wait_until(swept, description="the job taken")
    return time.monotonic() - began


async def test_a_look_is_not_enough(reclaimer: Reclaimer, broker: Broker) -> None:
    """A lease that is over is taken a third of a life after it was first seen so."""
    assert await taken(reclaimer, broker) >= THIRD
    assert await broker.lease("w1") is None


async def test_a_renewal_wipes_the_suspicion(reclaimer: Reclaimer, broker: Broker) -> None:
    """After any renewal, also a useless one, the worker has its third of a life again."""
    began = time.monotonic()
    await wait_until(
        lambda: looks_at(reclaimer) == 1, description="one look short of taking", deadline=5
    ) if await reclaimer.sweep() > 1e9 else None
    assert time.monotonic() - began < THIRD
    await broker.renew("w1")
    await broker.lapse("w1")
    assert await taken(reclaimer, broker) >= THIRD


def looks_at(reclaimer: Reclaimer) -> int:
    """Return how many looks a suspect has had since it became one."""
    return max((suspect.looks for suspect in reclaimer._suspects.values()), default=-1)
