"""tarsk: a Rust runtime on Redis Streams."""

from tarsk import App
from tarsk._cli import main

from scripts.peers.base import AT_ONCE, Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("tarsk-redis==0.2.1",)
BROKER = "redis"
CHOICES = "async handlers; 1 child of 100 slots; calls of the producer block"

app = App(broker=url())


@app.task(name="noop")
async def noop(value: Value) -> None:
    """Count."""
    note(value)


class Tarsk(Peer):
    """It has no call for many; its documentation says that ``send`` is the fast one."""

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        noop.send(value)

    async def hundred(self) -> None:
        """Enqueue 100, one after the other: threads are slower on one machine."""
        for _ in range(AT_ONCE):
            noop.send(0)

    def work(self) -> None:
        """Run the supervisor and its child."""
        module = "scripts.peers.tarsk_redis:app"
        main(["worker", "--app", module, "--broker", url(), "--children", "1", "--slots", "100"])


PEER = Tarsk
