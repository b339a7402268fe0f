"""How cost grows: throughput and latency against one thing at a time.

Each point is a drain and, but for the backlog, the latency of an idle worker at 50 jobs/s. For
the backlog it is the latency of ``critical`` jobs that come while the backlog is worked off.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.benchmarks import latency
from scripts.benchmarks.draining import Load, drained
from scripts.benchmarks.figures import GROWTH, Family, Figure, Size, Values
from scripts.benchmarks.overtaking import overtaken
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workload import Plan

HEAVY = 5_000_000  # bytes of payload in one drain, about


@dataclass(frozen=True)
class Axis:
    """What grows.

    Args:
        name: In figures and files.
        what: On the chart.
        points: The values, in order.
        load: Returns the drain of one value.
        seconds: That all of it takes, about.
    """

    name: str
    what: str
    points: tuple[int, ...]
    load: Callable[[int, Size], Load]
    seconds: float = 50


def _payload(size: int, effort: Size) -> Load:
    jobs = max(effort.jobs // 50, min(effort.jobs, HEAVY * effort.jobs // 10_000 // (size + 500)))
    return Load(jobs, "padded", payload=size)


AXES = (
    Axis("backlog", "jobs waiting", (1000, 10_000, 100_000, 1_000_000), lambda x, _: Load(x), 90),
    Axis("payload", "bytes of arguments", (10, 100, 1000, 10_000, 100_000), _payload),
    Axis(
        "concurrency",
        "jobs at once in a worker",
        (1, 10, 100, 1000),
        lambda x, size: Load(size.jobs if x >= 10 else size.jobs // 10, plan=Plan(x)),  # noqa: PLR2004 - a single one is slow
    ),
    Axis(
        "workers", "worker processes", (1, 2, 4, 8), lambda x, size: Load(size.jobs * 2, workers=x)
    ),
    Axis(
        "queues", "queues", (1, 10, 50, 200), lambda x, size: Load(size.jobs, plan=Plan(queues=x))
    ),
    Axis(
        "partitions",
        "partitions of the queue, on one Redis",
        (1, 2, 4, 8),
        lambda x, size: Load(size.jobs, plan=Plan(partitions=x if x > 1 else 0)),
    ),
)


def family(axis: Axis) -> Family:
    """Return what measures all points of an axis."""

    async def measure(stage: Stage, size: Size) -> Values:
        values: Values = {}
        for point in axis.points:
            if axis.name == "backlog" and point > size.many:
                continue
            load = axis.load(point, size)
            start = f"growth.{axis.name}.{point}"
            values[f"{start}.rate"] = (await drained(stage, load)).rate
            await stage.reset()
            waits = await _waits(stage, axis, load, size)
            for percent in (50, 99):
                values[f"{start}.p{percent}"] = latency.percentile(waits, percent) / latency.MS
        return values

    figures = [
        Figure(f"growth.{axis.name}.{point}.{key}", f"{what} at {point:,} {axis.what}", unit)
        for point in axis.points
        for key, what, unit in (("rate", "drain", "/s"), ("p50", "p50", "ms"), ("p99", "p99", "ms"))
    ]
    return Family(f"growth-{axis.name}", figures, measure, seconds=axis.seconds, part=GROWTH)


async def _waits(stage: Stage, axis: Axis, load: Load, size: Size) -> list[int]:
    if axis.name == "backlog":
        return await overtaken(stage, load.jobs, size.seconds / 2)
    seconds, workers, payload = size.seconds / 2, load.workers, load.payload
    found = await latency.paced(stage, seconds, load.plan, workers=workers, payload=payload)
    return found.waits


FAMILIES = {f"growth-{axis.name}": family(axis) for axis in AXES}
