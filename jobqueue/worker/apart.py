"""Components that exist once for each queue where queues may live on different servers.

An outage of one server must not keep outcomes and progress from the others, nor jobs of workers
that died there. On a single server one component, with one connection, serves all queues.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from jobqueue.domain.context import Progress
from jobqueue.domain.tasks import together
from jobqueue.worker.held import Held
from jobqueue.worker.reclaimer import Reclaimer
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.settlements import Written
from jobqueue.worker.settler import Settler

C = TypeVar("C")


def by_queue(groups: Iterable[Sequence[str]], make: Callable[[Sequence[str]], C]) -> dict[str, C]:
    """Make a component for each group of queues; return who serves each queue."""
    made = [(group, make(group)) for group in groups]
    return {queue: component for group, component in made for queue in group}


async def _all(runs: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with together() as group:
        for run in runs:
            group.create_task(run)


class Settlers:
    """Writes outcomes, each by the settler of its queue.

    Args:
        settlers: By queue.
    """

    def __init__(self, settlers: Mapping[str, Settler]) -> None:
        self._settlers = settlers
        self._each = list(dict.fromkeys(settlers.values()))

    def add(self, written: Written) -> None:
        """Write this outcome soon."""
        self._settlers[written.held.queue].add(written)

    async def flush(self) -> None:
        """Wait until everything that was added is written."""
        await asyncio.gather(*(settler.flush() for settler in self._each))

    async def write_all(self) -> None:
        """Write what was added; only where :meth:`run` does not run any more."""
        await asyncio.gather(*(settler.write_all() for settler in self._each))

    async def run(self) -> None:
        """Write outcomes until cancelled."""
        await _all(settler.run() for settler in self._each)


class Reclaimers:
    """Takes back what dead workers held, each queue or all of them at one pace.

    Args:
        reclaimers: By queue.
    """

    def __init__(self, reclaimers: Mapping[str, Reclaimer]) -> None:
        self._each = list(dict.fromkeys(reclaimers.values()))

    async def run(self) -> None:
        """Sweep until cancelled."""
        await _all(reclaimer.run() for reclaimer in self._each)


class Reporters:
    """Sends progress, each by the reporter of its queue.

    Args:
        reporters: By queue.
    """

    def __init__(self, reporters: Mapping[str, Reporter]) -> None:
        self._reporters = reporters
        self._each = list(dict.fromkeys(reporters.values()))

    def report(self, held: Held, progress: Progress) -> None:
        """Send it soon; from any thread."""
        self._reporters[held.queue].report(held, progress)

    async def run(self) -> None:
        """Send reports until cancelled."""
        await _all(reporter.run() for reporter in self._each)
