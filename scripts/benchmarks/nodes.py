"""One queue on one, two and three Redis nodes: what each part spends, and where the limit is.

The queue has as many partitions in each case, and as many workers take from it, by TCP on
loopback; only the nodes that its partitions lie on grow in number. All of them share this
machine's cores, so it is the CPU of a job that counts, not the jobs a second: ``arithmetic`` says
what would be with more cores.
"""

from scripts.benchmarks import cluster
from scripts.benchmarks.draining import Load, emptied
from scripts.benchmarks.figures import NODES as PART
from scripts.benchmarks.figures import Family, Figure, Size, Values
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO, own_cpu
from scripts.benchmarks.workload import Plan, Workload

NODES = (1, 2, 3)
PARTITIONS = 6  # as many on each node, whatever their number
WORKERS = 2
PERCENT = 100


async def measure(stage: Stage, size: Size) -> Values:
    """Fill and drain the queue on each number of nodes."""
    load = Load(size.jobs * WORKERS, workers=WORKERS, plan=Plan(partitions=PARTITIONS))
    values: Values = {}
    for count in NODES:
        async with cluster.opened(stage.program, count, load.plan.stored) as here:
            found = await _filled(here, load) | await _drained(here, load)
        values |= {f"nodes.{count}.{name}": value for name, value in found.items()}
    return values


async def _filled(here: cluster.Cluster, load: Load) -> Values:
    """Enqueue all jobs from one process; return what that costs each part."""
    async with Workload(here.redis_url, plan=load.plan) as workload:
        await here.reset()
        before, own = await here.usage(), own_cpu()
        await workload.fill(load.jobs)
        own, spent = own_cpu() - own, await here.usage() - before
    return {
        "producer_cpu": own / load.jobs * MICRO,
        "fill_cpu": spent.cpu / load.jobs * MICRO,
    }


async def _drained(here: cluster.Cluster, load: Load) -> Values:
    found = await emptied(here, load)
    busy = {
        f"busy.{number}": node.cpu / found.seconds * PERCENT
        for number, node in enumerate(found.nodes, start=1)
    }
    return {
        "rate": found.rate,
        "worker_cpu": found.micros(found.workers),
        "redis_cpu": found.micros(found.redis.cpu),
        "workers": found.workers / found.seconds * PERCENT,
        **busy,
    }


def _figures(count: int) -> list[Figure]:
    where = f"on {count} node{'s' * (count > 1)}"
    start = f"nodes.{count}"
    return [
        Figure(f"{start}.rate", f"drain, {PARTITIONS} partitions {where}", "/s"),
        Figure(f"{start}.worker_cpu", "… CPU of the workers, a job", "µs"),
        Figure(f"{start}.redis_cpu", "… CPU of all nodes, a job", "µs"),
        Figure(f"{start}.workers", f"… {WORKERS} workers together, of a core", "%"),
        *(
            Figure(f"{start}.busy.{number}", f"… node {number}, of a core", "%")
            for number in range(1, count + 1)
        ),
        Figure(f"{start}.producer_cpu", "… CPU of the producer, to enqueue a job", "µs"),
        Figure(f"{start}.fill_cpu", "… CPU of all nodes, to enqueue a job", "µs"),
    ]


FAMILY = Family(
    "nodes",
    tuple(each for count in NODES for each in _figures(count)),
    measure,
    seconds=40,
    part=PART,
)
