"""What Redis and this process have spent: CPU time, commands, script calls."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

MICRO = 1e6


@dataclass(frozen=True)
class Usage:
    """What a Redis server has spent; its threads are included, its forked children are not.

    Args:
        cpu: Seconds.
        calls: Scripts that clients called.
        commands: All commands, those that scripts called included. ``INFO`` is not counted:
            only we ask for it.
    """

    cpu: float
    calls: int
    commands: int

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
        return cls(info["used_cpu_user"] + info["used_cpu_sys"], scripts, commands)

    def __sub__(self, before: Self) -> "Usage":
        return Usage(
            self.cpu - before.cpu, self.calls - before.calls, self.commands - before.commands
        )


def own_cpu() -> float:
    """Return the CPU time of this process and its threads so far, in seconds."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
