"""Dramatiq on Redis."""

import time
from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from scripts.peers.base import Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("dramatiq[redis]==2.2.1", "redis==8.1.0", "hiredis==3.5.0")
BROKER = "redis"
CHOICES = "8 threads in one process, as its command line has; hiredis; no Prometheus; calls block"

THREADS = 8

broker = RedisBroker(url=url())
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(value: Value) -> None:
    """Count."""
    note(value)


class Dramatiq(Peer):
    """It has no call for many."""

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        noop.send(value)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many, one after the other."""
        for value in values:
            noop.send(value)

    def work(self) -> None:
        """Run what each process of its command line runs."""
        dramatiq.Worker(broker, worker_threads=THREADS).start()
        while True:
            time.sleep(1)


PEER = Dramatiq
