"""taskiq on Redis Streams."""

from taskiq.api import run_receiver_task
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = (
    "taskiq[orjson]==0.13.0",
    "taskiq-redis==1.2.4",
    "redis==8.1.0",
    "hiredis==3.5.0",
    "uvloop==0.23.0",
)
BROKER = "redis"
CHOICES = "streams, the broker with acknowledgements; 100 async tasks, prefetch 100; orjson; uvloop"

broker = RedisStreamBroker(url=url(), consumer_id="0", max_connection_pool_size=100)
broker = broker.with_serializer(ORJSONSerializer())


@broker.task(task_name="noop")
async def noop(value: Value) -> None:
    """Count."""
    note(value)


class Taskiq(Peer):
    """It has no call for many: they go concurrently."""

    async def open(self) -> None:
        """Connect."""
        await broker.startup()

    async def close(self) -> None:
        """Disconnect."""
        await broker.shutdown()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await noop.kiq(value)

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    broker.is_worker_process = True
    await broker.startup()
    await run_receiver_task(broker, max_async_tasks=100, max_prefetch=100, validate_params=False)


PEER = Taskiq
