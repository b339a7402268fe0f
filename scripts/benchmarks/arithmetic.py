"""What one core carries, and what 10⁶ jobs a second take, out of the figures of a run.

A part that spends x µs of CPU on a job carries 10⁶ / x jobs a second on one core, and a million
jobs a second take x cores of it: nodes of Redis (whose commands run on one core each), processes
of workers, recorders and producers, and cores of PostgreSQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from scripts.benchmarks.nodes import NODES
from scripts.benchmarks.text import aligned, number
from scripts.benchmarks.usage import MICRO

WANTED = 1_000_000  # jobs a second
BUSY = 0.7  # of a core: what one plans with
TITLES = ("part", "µs a job", "jobs/s a core", f"cores for {WANTED:,}/s", f"at {BUSY:.0%} use")
FULL = 0.85  # of a core, from which on it is the limit


@dataclass(frozen=True)
class Part:
    """One part of the installation.

    Args:
        name: For people.
        micros: CPU of a job.
    """

    name: str
    micros: float

    def cells(self) -> tuple[str, ...]:
        """Return its row of the table."""
        cores = self.micros * WANTED / MICRO
        return (
            self.name,
            number(self.micros),
            number(round(MICRO / self.micros)),
            str(ceil(cores)),
            str(ceil(cores / BUSY)),
        )


def parts(medians: Mapping[str, float]) -> list[Part]:
    """Return every part that has been measured.

    Args:
        medians: By the names of figures; of ``nodes``, of ``recorder``, else of ``drain``.
    """
    most = f"nodes.{NODES[-1]}"
    redis = [
        medians.get(f"{most}.fill_cpu"),
        medians.get(f"{most}.redis_cpu", medians.get("drain.redis_cpu")),
        medians.get("recorder.redis_cpu"),
    ]
    named = {
        "Redis nodes: enqueue": redis[0],
        "Redis nodes: fetch, settle, journal": redis[1],
        "Redis nodes: hand to the recorder": redis[2],
        "Redis nodes, all": sum(filter(None, redis)) if redis[1] else None,
        "worker processes": medians.get(f"{most}.worker_cpu", medians.get("drain.worker_cpu")),
        "producer processes, in bulk": medians.get(f"{most}.producer_cpu"),
        "recorder processes": medians.get("recorder.recorder_cpu"),
        "PostgreSQL, COPY of one row": medians.get("recorder.postgres_cpu"),
    }
    return [Part(name, micros) for name, micros in named.items() if micros]


def rows(medians: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Return the table with its titles; none where nothing was measured."""
    found = parts(medians)
    return [TITLES, *(part.cells() for part in found)] if found else []


def limits(medians: Mapping[str, float], cores: int) -> list[str]:
    """Return one sentence for each number of nodes: what is full there."""
    return [_limit(medians, count, cores) for count in NODES if f"nodes.{count}.rate" in medians]


def _limit(medians: Mapping[str, float], count: int, cores: int) -> str:
    busy = [medians[f"nodes.{count}.busy.{each}"] / 100 for each in range(1, count + 1)]
    workers = medians[f"nodes.{count}.workers"] / 100
    total = workers + sum(busy)
    if max(busy) >= FULL:
        limit = "the busiest node's one core"
    elif total >= FULL * cores:
        limit = f"the {cores} cores that all share"
    else:
        limit = "neither a node nor the cores: round trips"
    shares = " + ".join(f"{each:.2f}" for each in busy)
    carried = count * MICRO / medians[f"nodes.{count}.redis_cpu"]
    return (
        f"{count} node{'s' * (count > 1)}: {number(medians[f'nodes.{count}.rate'])}/s; "
        f"cores in use {shares} by Redis, {workers:.2f} by workers; the limit is {limit}; "
        f"with a core for each, the nodes would carry {number(round(carried, -2))}/s"
    )


def lines(medians: Mapping[str, float], cores: int) -> list[str]:
    """Return what is printed for people below a table of figures; nothing without nodes."""
    found = limits(medians, cores)
    if not found:
        return []
    return ["", *found, "", *aligned(rows(medians), left=1)]
