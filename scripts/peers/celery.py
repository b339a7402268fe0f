"""Celery on Redis."""

from celery import Celery

from scripts.peers.base import AT_ONCE, Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("celery[redis]==5.7.0", "hiredis==3.5.0")
BROKER = "redis"
CHOICES = (
    "pool of 10 threads, prefetch 100 each; results ignored; no events, gossip, mingle, heartbeat"
)

app = Celery("bench", broker=url())
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=100,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="noop")
def noop(value: Value) -> None:
    """Count."""
    note(value)


class CeleryPeer(Peer):
    """It has no call for many; calls block."""

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        noop.delay(value)

    async def hundred(self) -> None:
        """Enqueue 100, one after the other."""
        for _ in range(AT_ONCE):
            noop.delay(0)

    def work(self) -> None:
        """Run the worker."""
        flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        app.worker_main(["worker", "-P", "threads", "-c", "10", "-l", "WARNING", *flags])


PEER = CeleryPeer
