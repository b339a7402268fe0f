"""What Redis and processes have spent: CPU time, memory, commands, script calls."""

import resource
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any, ClassVar, Self

import psutil

MICRO = 1e6


@dataclass(frozen=True)
class Usage:
    """What a Redis server has spent; its threads are included, its forked children are not.

    Args:
        cpu: Seconds.
        calls: Scripts that clients called.
        commands: All commands, those that scripts called included. ``INFO`` is not counted:
            only we ask for it.
        trips: How often clients were read from: a round trip each, unless it is a long one.
    """

    cpu: float
    calls: int
    commands: int
    trips: int

    NOTHING: ClassVar["Usage"]

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self:
        """Return the usage that ``INFO cpu commandstats`` tells."""
        counts = {
            name.removeprefix("cmdstat_"): int(statistics["calls"])
            for name, statistics in info.items()
            if name.startswith("cmdstat_")
        }
        scripts = counts.get("eval", 0) + counts.get("evalsha", 0)
        commands = sum(counts.values()) - counts.get("info", 0)
        cpu = info["used_cpu_user"] + info["used_cpu_sys"]
        return cls(cpu, scripts, commands, int(info["total_reads_processed"]))

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(*(a - b for a, b in zip(astuple(self), astuple(before), strict=True)))


Usage.NOTHING = Usage(0.0, 0, 0, 0)


def own_cpu() -> float:
    """Return the CPU time of this process and its threads so far, in seconds."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime + own_kernel()


def own_kernel() -> float:
    """Return how much of that the kernel took, which is mostly sockets."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_stime


def cpu_of(pid: int) -> float:
    """Return the CPU time of a process and its descendants, those that ended too, in seconds."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):  # it ended while we looked; its parent has its time
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_of(pid: int) -> int:
    """Return the resident memory of a process and its descendants, in bytes."""
    root = psutil.Process(pid)
    return sum(int(process.memory_info().rss) for process in [root, *root.children(recursive=True)])
