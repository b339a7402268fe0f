"""The comparison with other queues, with ourselves in their place: nothing is installed here."""

from dataclasses import replace

import pytest

from scripts.benchmarks.figures import Broken
from scripts.peers.harness import servers
from scripts.peers.harness.catalogue import OURS, entry
from scripts.peers.harness.comparison import MEASURES
from scripts.peers.harness.environments import python_of
from scripts.peers.harness.measures import Effort, Subject
from scripts.peers.harness.processes import Place

TINY = Effort(enqueue=0.05, drain=0.05, latency=0.3)


def subject(here: servers.Servers, module: str = "ours") -> Subject:
    """Return ourselves as a peer, whose file may be another."""
    peer = replace(entry(OURS), module=module)
    folder = here.folder / "peer"
    folder.mkdir()
    return Subject(Place(peer, python_of(peer), here.url("redis"), folder), here)


async def test_every_measure() -> None:
    """A peer that works has a value for everything; its jobs have all run, each once."""
    async with servers.opened(None, postgres=False) as here:
        us = subject(here)
        await us.try_out()
        assert us.rate > 0
        values = await us.measure(TINY)
    assert values.keys() >= {key for key, *_ in MEASURES} - {"worker_cpu", "broker_cpu"}
    assert all(value > 0 for name, value in values.items() if not name.endswith("cpu")), values


async def test_a_peer_that_does_not_run() -> None:
    """It is given up at once, and its last words are the reason."""
    async with servers.opened(None, postgres=False) as here:
        with pytest.raises(Broken, match=r"install failed: .*No module named 'scripts.peers.lost'"):
            await subject(here, "lost").try_out()
