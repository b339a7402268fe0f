"""A master and its sentinel that speak nothing but TLS."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue.embedded import ValkeyServer
from tests.support.ports import free_ports
from tests.support.sentinel import NAME, Sentinel
from tests.support.stage import stage_on
from tests.support.tls import Secured, secured


class SecuredSentinel(Sentinel):
    """A sentinel that decides alone, and asks and answers by TLS."""

    def __init__(self, folder: Path, port: int, master: int, tls: Secured) -> None:
        super().__init__(folder, port, master, tls.program)
        self._rules = f"sentinel monitor {NAME} 127.0.0.1 {master} 1\n"
        self._words = [
            word
            for name, value in tls.settings(port).items()
            if name != "tls-cluster"
            for word in (f"--{name}", value)
        ]

    def _command(self) -> list[str]:
        return [*super()._command(), *self._words]


@pytest.fixture
def url(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[str]:
    """A master, by the name that a sentinel knows."""
    tls, (master, port) = secured(tmp_path), free_ports(2)
    settings = tls.settings(master)
    server = ValkeyServer(tmp_path / "server", aof=False, program=tls.program, settings=settings)
    with server, SecuredSentinel(tmp_path / "sentinel", port, master, tls):
        url = f"rediss+sentinel://127.0.0.1:{port}/{NAME}?{tls.query}"
        yield url
        judge(url)


async def test_a_job(url: str) -> None:
    """Enqueued, run and waited for, by loop and by thread, at the master that a sentinel names."""
    async with stage_on(url) as stage:

        @stage.app.job(retry=0)
        async def double(number: int) -> int:
            return 2 * number

        async with stage.app.worker():
            job = await double.enqueue(4)
            assert await job.result(timeout=30) == 8
            assert await asyncio.to_thread(job.result_sync, 30) == 8
