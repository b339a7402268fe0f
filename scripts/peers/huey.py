"""Huey on Redis."""

import logging

from huey import RedisHuey

from scripts.peers.base import AT_ONCE, Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0")
BROKER = "redis"
CHOICES = "8 threads; no results, no periodic tasks; hiredis; calls block"

huey = RedisHuey("bench", url=url(), results=False, blocking=True)
logging.getLogger("huey").setLevel(logging.WARNING)


@huey.task(name="noop")
def noop(value: Value) -> None:
    """Count."""
    note(value)


class HueyPeer(Peer):
    """It has no call for many."""

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        noop(value)

    async def hundred(self) -> None:
        """Enqueue 100, one after the other."""
        for _ in range(AT_ONCE):
            noop(0)

    def work(self) -> None:
        """Run the consumer."""
        huey.create_consumer(workers=8, periodic=False, worker_type="thread").run()


PEER = HueyPeer
