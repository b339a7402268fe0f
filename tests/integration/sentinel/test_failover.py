"""The master is killed, frozen or replaced under load; nobody has to help."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from jobqueue.domain.errors import BrokerError
from jobqueue.embedded import ValkeyServer
from tests.support.failover import Load, through
from tests.support.sentinel import NAME, Watched, run
from tests.support.stage import stage_on
from tests.support.waiting import wait_until

# Seconds; a sentinel that has stood still for two does nothing for thirty.
LONG = 60.0

Disaster = Callable[[Watched], Awaitable[None]]


async def killed(watched: Watched) -> None:
    """Kill the master; later it is back, as a replica."""
    master = await asyncio.to_thread(watched.kill_master)
    await served(watched)
    await asyncio.to_thread(master.start)


async def frozen(watched: Watched) -> None:
    """Let the master stand still: every connection to it is open, and none is answered."""
    master = watched.master()
    os.kill(master.pid, signal.SIGSTOP)
    await another(watched, master)
    os.kill(master.pid, signal.SIGCONT)


async def replaced(watched: Watched) -> None:
    """Let the sentinels make another master, while the old one becomes its replica."""
    master = watched.master()

    def begun() -> bool:
        try:
            run(watched.sentinels[0], "SENTINEL", "FAILOVER", NAME)
        except BrokerError:  # one is under way, or no replica is good enough yet
            return watched.master() is not master
        return True

    await wait_until(begun, description="it begins", deadline=LONG)
    await another(watched, master)


async def another(watched: Watched, master: ValkeyServer) -> None:
    """Wait until another master takes writes."""
    await wait_until(
        lambda: watched.master() is not master, description="another master", deadline=LONG
    )
    await served(watched)


async def served(watched: Watched) -> None:
    """Wait until a master takes writes."""
    await wait_until(
        lambda: asyncio.to_thread(watched.is_served), description="a new master", deadline=LONG
    )


@pytest.mark.parametrize("disaster", [killed, frozen, replaced])
async def test_failover(
    watched: Watched, disaster: Disaster, record_property: Callable[[str, object], None]
) -> None:
    """No job is lost that a replica had, no worker is stuck, and all goes on by itself.

    What Redis itself has lost of the others is counted, not judged.
    """

    async def happen(_load: Load) -> None:
        await disaster(watched)

    # Both replicas: while the old master still works, one of them may confirm what the new
    # master, which is the other one, does not have.
    async with stage_on(watched.url, lease=2.0, replicas=2) as stage:
        load = await through(stage, ["default"], happen)
    assert len(load.safe) > 50
    record_property("lost by Redis", f"{len(load.lost)} of {len(load.stored)}")
