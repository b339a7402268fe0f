"""A process in a peer's own environment: ``child PEER ROLE …``.

``work`` is a worker until SIGTERM. The others are producers, which say in one line of JSON
what they did: ``install``; ``fill JOBS BYTES``; ``rate WAY SECONDS``; ``pace RATE JOBS WARM_UP``.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module

from scripts.peers.base import AT_ONCE, Peer, Value, run

CHUNK = 1000  # jobs of one call in bulk


async def install(peer: Peer) -> dict[str, float]:
    """Make tables and the like."""
    await peer.install()
    return {}


async def fill(peer: Peer, jobs: str, size: str) -> dict[str, float]:
    """Enqueue jobs, of ``size`` bytes of text where that is not 0."""
    value: Value = "x" * int(size) if int(size) else 0
    for first in range(0, int(jobs), CHUNK):
        await peer.bulk([value] * min(CHUNK, int(jobs) - first))
    return {"jobs": int(jobs)}


async def rate(peer: Peer, way: str, seconds: str) -> dict[str, float]:
    """Enqueue in one way for a time."""
    await peer.one(0)  # connects
    jobs, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < float(seconds):
        if way == "one":
            await peer.one(0)
            jobs += 1
        elif way == "hundred":
            await peer.hundred()
            jobs += AT_ONCE
        else:
            await peer.bulk([0] * CHUNK)
            jobs += CHUNK
    return {"jobs": jobs, "seconds": spent}


async def pace(peer: Peer, each_second: str, jobs: str, warm_up: str) -> dict[str, float]:
    """Enqueue by the clock, not when the one before has come back: a stall hides nothing.

    The clock starts when ``warm_up`` jobs without a stamp were sent: the first one connects.
    """
    for _ in range(int(warm_up)):
        await peer.one(0)
    loop = asyncio.get_running_loop()
    start, sending = loop.time(), set()
    for number in range(int(jobs)):
        await asyncio.sleep(start + number / float(each_second) - loop.time())
        task = loop.create_task(peer.one(time.monotonic_ns()))
        sending.add(task)
        task.add_done_callback(sending.discard)
    await asyncio.gather(*sending)
    return {"jobs": int(jobs)}


ROLES: dict[str, Callable[..., Awaitable[dict[str, float]]]] = {
    "fill": fill,
    "rate": rate,
    "pace": pace,
}


async def produce(peer: Peer, role: str, *arguments: str) -> None:
    """Do what a producer is asked and say what it did."""
    if role == "install":
        found = await install(peer)
    else:
        await peer.open()
        found = await ROLES[role](peer, *arguments)
        await peer.close()
    print(json.dumps(found), flush=True)


def main(name: str, role: str, *arguments: str) -> None:
    """Run one role of a peer."""
    peer: Peer = import_module(f"scripts.peers.{name.replace('-', '_')}").PEER()
    if role == "work":
        peer.work()
        return
    run(produce(peer, role, *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
