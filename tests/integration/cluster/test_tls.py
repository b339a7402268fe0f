"""A cluster that speaks nothing but TLS: jobs of queues on different nodes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from redis.crc import key_slot

from jobqueue.embedded import ValkeyServer
from tests.support.ports import free_ports
from tests.support.stage import stage_on
from tests.support.tls import secured

HALF, ALL = 8192, 16384
IDS = ("1" * 40, "2" * 40)


@pytest.fixture
def url(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[str]:
    """Two masters, of which a URL names one."""
    tls, ports = secured(tmp_path), free_ports(4)
    slots = (f"0-{HALF - 1}", f"{HALF}-{ALL - 1}")
    with ExitStack() as stack:
        for mine in range(2):
            settings = tls.settings(ports[mine]) | {
                "cluster-enabled": "yes",
                "cluster-port": str(ports[mine + 2]),
                "cluster-node-timeout": "600000",
            }
            server = ValkeyServer(
                tmp_path / str(mine), aof=False, program=tls.program, settings=settings
            )
            lines = [
                f"{IDS[n]} 127.0.0.1:{ports[n]}@{ports[n + 2]} "
                f"{'myself,' * (n == mine)}master - 0 0 {n + 1} connected {slots[n]}"
                for n in range(2)
            ]
            server.data.mkdir(parents=True)
            text = "\n".join([*lines, "vars currentEpoch 2 lastVoteEpoch 0", ""])
            (server.data / "nodes.conf").write_text(text)
            stack.enter_context(server)
        url = f"rediss+cluster://127.0.0.1:{ports[0]}?{tls.query}"
        yield url
        judge(url)


def queue_in(half: int) -> str:
    """Return the name of a queue whose keys are on one of the two nodes."""
    names = (f"q{number}" for number in count())
    return next(name for name in names if key_slot(name.encode()) // HALF == half)


async def test_jobs(url: str) -> None:
    """Enqueued, run and waited for, by loop and by thread, wherever the queue is."""
    queues = [queue_in(0), queue_in(1)]
    async with stage_on(url) as stage:

        @stage.app.job(retry=0)
        async def double(number: int) -> int:
            return 2 * number

        async with stage.app.worker(queues=queues):
            for number, queue in enumerate(queues):
                job = await double.options(queue=queue).enqueue(number)
                assert await job.result(timeout=30) == 2 * number
                assert await asyncio.to_thread(job.result_sync, 30) == 2 * number
