"""RQ on Redis."""

from collections.abc import Sequence

from redis import Redis
from rq import Queue, SimpleWorker

from scripts.peers.base import Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("rq==2.12.0", "redis==8.1.0", "hiredis==3.5.0")
BROKER = "redis"
CHOICES = "SimpleWorker, which does not fork; results not kept; hiredis; enqueue_many; calls block"

NAME = "scripts.peers.rq.noop"


def noop(value: Value) -> None:
    """Count."""
    note(value)


class Rq(Peer):
    """Handlers are found by their import path."""

    async def open(self) -> None:
        """Connect."""
        self.queue = Queue("bench", connection=Redis.from_url(url()))

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        self.queue.enqueue(NAME, value, result_ttl=0)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        data = [Queue.prepare_data(NAME, args=(value,), result_ttl=0) for value in values]
        self.queue.enqueue_many(data)

    def work(self) -> None:
        """Run the worker."""
        SimpleWorker(["bench"], connection=Redis.from_url(url())).work(logging_level="WARNING")


PEER = Rq
