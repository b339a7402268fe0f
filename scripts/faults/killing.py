"""Processes that die at once: ``kill -9``, and a supervisor that starts them again."""

import contextlib
import os
import signal
from pathlib import Path
from random import Random

from scripts.faults.holding import victim
from scripts.faults.registry import Injection, NotPossibleError, fault
from scripts.faults.stage import PRODUCER, RECORDER, SCHEDULERS, WORKERS, Stage

PROCESSES = Path("/proc")


def _kill(stage: Stage, name: str, injection: Injection) -> None:
    injection.target = name
    pid = stage.crew.kill(name)
    injection.pids += [] if pid is None else [pid]


@fault("kill-worker", "kill -9 of a worker", lane="processes", doubles="all", recovery="held")
def kill_worker(stage: Stage, random: Random, injection: Injection) -> None:
    """Kill a worker in the middle of its jobs."""
    _kill(stage, victim(stage, random, injection), injection)


@fault("kill-child", "kill -9 of a child process in its job", lane="processes")
def kill_child(stage: Stage, random: Random, injection: Injection) -> None:
    """Kill a process that runs a ``process=True`` handler; its worker lives on."""
    if not PROCESSES.exists():
        raise NotPossibleError("this system does not tell which processes a process has started")
    workers = {name: stage.crew.pid(name) for name in WORKERS}
    children = {pid: name for name, parent in workers.items() for pid in _children(parent)}
    if children:
        pid = random.choice(sorted(children))
        injection.target = children[pid]
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(pid, signal.SIGKILL)


@fault(
    "kill-scheduler",
    "kill -9 of a scheduler, the one that leads or not",
    lane="processes",
    recovery="records",
)
def kill_scheduler(stage: Stage, random: Random, injection: Injection) -> None:
    """Kill a scheduler, which promotes, fires and records."""
    _kill(stage, random.choice(SCHEDULERS), injection)


@fault("kill-recorder", "kill -9 of a recorder", lane="processes", recovery="records")
def kill_recorder(stage: Stage, _random: Random, injection: Injection) -> None:
    """Kill the recorder that does nothing else."""
    _kill(stage, RECORDER, injection)


@fault("kill-producer", "kill -9 of a producer", lane="processes", recovery="producer")
def kill_producer(stage: Stage, _random: Random, injection: Injection) -> None:
    """Kill the producer; the next one goes on where its notes end."""
    _kill(stage, PRODUCER, injection)


def _children(parent: int | None) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in PROCESSES.glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if parent is not None and int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found
