"""One app on a real server, its services run in this process, and what its jobs left behind.

``stage.broker`` is everybody else: other workers, schedulers and recorders, each step
by hand (``tests/support/broker.py``).
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from jobqueue import Job, JobQueue
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.extensions import Extensions
from jobqueue.settings import Settings
from tests.support.broker import Broker, connect
from tests.support.waiting import DEADLINE, wait_until

SHORT = 2.0  # seconds; the shortest lease that the settings allow


@dataclass
class Stage:
    """An app without jobs, and the queue ``default`` on its server.

    ``log`` is for handlers: what they append is in the order of their runs.
    """

    app: JobQueue
    broker: Broker
    log: list[Any] = field(default_factory=list)

    async def rows(self, job_id: str | None = None) -> list[Execution]:
        """Return the rows in the journal, of one job or of all, oldest first."""
        return [row for row in await self.broker.journal() if job_id in (None, row.job_id)]

    async def outcomes(self, job_id: str) -> list[str]:
        """Return what a job's deliveries came to, oldest first."""
        return [row.outcome for row in await self.rows(job_id)]

    async def ended(self, *job_ids: str, deadline: float = DEADLINE) -> list[Execution]:
        """Wait until these jobs have ended; return their final rows in the journal's order."""
        wanted, ends, first = set(job_ids), list[Execution](), "-"

        async def found() -> list[Execution]:
            nonlocal first
            # Each entry once: reading ten thousand again and again would slow down what is awaited.
            for entry, packed in await self.broker.entries(first):
                first = f"({entry}"
                rows = map(executions.unpack, executions.split(packed))
                ends.extend(row for row in rows if row.final and row.job_id in wanted)
            return ends if len(ends) >= len(job_ids) else []

        what = ", ".join(job_ids[:3]) + (f" and {len(job_ids) - 3} more" * (len(job_ids) > 3))
        rows = await wait_until(found, description=f"the end of {what}", deadline=deadline)
        assert sorted(row.job_id for row in rows) == sorted(job_ids), "a job ended twice"
        return rows

    async def logged(self, n: int, *, deadline: float = DEADLINE) -> list[Any]:
        """Wait until handlers have written ``n`` entries; return the log."""
        text = f"{n} entries in the log of the handlers"
        await wait_until(lambda: len(self.log) >= n, description=text, deadline=deadline)
        return self.log

    async def state(self, job_id: str) -> str | None:
        """Return the state that a job is in; none where Redis knows of no such job."""
        return (await self.broker.state(job_id)).get("state")

    async def reaches(self, job_id: str, state: str) -> dict[str, str]:
        """Wait until a job is in a state; return its changing fields."""

        async def there() -> dict[str, str]:
            live = await self.broker.state(job_id)
            return live if live.get("state") == state else {}

        return await wait_until(there, description=f"{job_id} is {state}")


def each_once(rows: Iterable[Execution]) -> None:
    """Assert that each delivery left one row, and each run of a job one final row."""
    rows = list(rows)
    names: dict[str, list[Any]] = {
        "execution": [row.id for row in rows],
        "delivery": [(row.job_id, row.run, row.delivery) for row in rows],
        "end": [(row.job_id, row.run) for row in rows if row.final],
    }
    for what, keys in names.items():
        twice = [key for key, n in Counter(keys).items() if n > 1]
        assert not twice, f"the same {what} has several rows: {twice}"


@asynccontextmanager
async def stage_on(url: str, *, way: str | None = None, **settings: Any) -> AsyncIterator[Stage]:
    """Give an app on a server.

    Args:
        url: The server.
        way: How the app gets there, such as the URL of a proxy; everybody else goes directly.
        settings: Those of ``Settings``.
    """
    chosen: dict[str, Any] = {"redis_url": way or url, "grace": 5.0} | settings
    async with connect(url) as broker, JobQueue(settings=Settings(**chosen)) as app:
        yield Stage(app, broker)


@asynccontextmanager
async def stage_with(app: JobQueue, url: str, **settings: Any) -> AsyncIterator[Stage]:
    """Give an app of a module, whose process handlers a child can import, on a server."""
    chosen: dict[str, Any] = {"redis_url": url, "grace": 5.0} | settings
    app.configure(Settings(**chosen))
    app.extensions = Extensions()
    async with connect(url) as broker, app:
        yield Stage(app, broker)


def noting(stage: Stage) -> Job[[int], Any, None]:
    """Declare a job that notes its number."""

    @stage.app.job()
    async def note(number: int) -> None:
        stage.log.append(number)

    return note
