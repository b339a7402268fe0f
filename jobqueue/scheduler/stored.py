"""Carries schedules from PostgreSQL to the firer, and what became of occurrences back.

The firer never waits for this. While PostgreSQL is away it goes on with the schedules that it
has, or, in a scheduler that starts then, with those that Redis keeps of the last look; what it
settles waits in Redis. Copying that is repeated after any death: a row's key is the schedule with
the occurrence, and a row that is there stays as it is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from jobqueue.broker import ledger
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    HistoryError,
    HistoryUnavailable,
    JobQueueError,
)
from jobqueue.domain.plans import Plan
from jobqueue.history import engine, schema
from jobqueue.history import ledger as rows
from jobqueue.scheduler.timetable import Timetable

log = logging.getLogger("jobqueue.scheduler")

EVERY = 1.0  # seconds between two looks
SWEEP = 30.0  # seconds between two looks at all queues, for what a dead scheduler left
SEEN = 60.0  # seconds after which declared schedules are confirmed
PATIENCE = 3.0  # seconds for an answer; less than a firer waits for us when it starts
SEED = 2.0  # seconds that the firer waits for the last occurrence of a schedule
DEAF = 30.0  # seconds without asking for one after nobody answered


class Stored:
    """Looks at the stored schedules every second, and copies the ledger.

    Args:
        database_url: Where PostgreSQL is.
        lane: Used by nobody else.
        keys: Names of the installation's keys.
        timetable: What the firer goes by.
        declared: The schedules of the code, which PostgreSQL is to know of.
    """

    def __init__(
        self,
        database_url: str,
        lane: Lane,
        keys: Keys,
        timetable: Timetable,
        declared: Sequence[Plan],
    ) -> None:
        self._url = database_url
        self._lane = lane
        self._keys = keys
        self._timetable = timetable
        self._declared = declared
        self._connection: Any = None
        self._version: str | None = None  # of the schedules that were read and kept last
        self._read = False  # whether PostgreSQL ever told us of them
        self._stored: Sequence[Plan] = ()
        self._gone: set[tuple[str, str]] = set()  # queues and names that fire there no more
        self._confirmed = self._swept = self._deaf = float("-inf")  # when, by the monotonic clock
        self._asked: set[asyncio.Task[datetime | None]] = set()
        self.problem: str | None = None
        timetable.fixed = False
        timetable.seed = self.seed

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
            ConfigurationError: The server is too old.
        """
        pause = Pause(PROMPT)
        try:
            while True:
                self.problem = await self._look()
                if self.problem is None:
                    pause.reset()
                else:
                    await self._recall()
                self._timetable.known.set()
                await (pause.wait() if self.problem else asyncio.sleep(EVERY))
        finally:
            self._timetable.known.set()
            for task in self._asked:
                task.cancel()
            await self._close()

    async def seed(self, name: str) -> datetime | None:
        """Return the last occurrence of a schedule that PostgreSQL knows, None if it has none.

        Raises:
            HistoryUnavailable: It did not say so soon.
        """
        if monotonic() - self._deaf < DEAF:
            raise HistoryUnavailable("PostgreSQL did not answer a moment ago")
        # Not cancelled when the time is over: where a server is silent, that takes ten seconds.
        task = asyncio.create_task(self._last(name))
        self._asked.add(task)
        task.add_done_callback(self._heard)
        await asyncio.wait({task}, timeout=SEED)
        try:
            if not task.done():
                raise HistoryUnavailable(f"PostgreSQL does not answer within {SEED:g} s")
            return task.result()
        except JobQueueError as error:
            self._deaf = monotonic()
            # Whoever records says what is the matter with the database.
            log.info("last occurrence not known", extra={"schedule": name, "error": str(error)})
            raise HistoryUnavailable(str(error)) from error

    async def _last(self, name: str) -> datetime | None:
        async with await engine.connect(self._url, "schedules") as connection:
            return await rows.last(connection, name)

    def _heard(self, task: asyncio.Task[datetime | None]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # else asyncio complains of one for which nobody waited any more

    async def _look(self) -> str | None:
        """Do all once; return why it can't be done."""
        try:
            # Apart, since Redis may keep us waiting as well, and that is not PostgreSQL's fault.
            async with asyncio.timeout(PATIENCE):
                version, found = await self._ask()
            if found is not None:
                self._timetable.take(found)
            # One look after the firer was told: what it was about to fire it has fired by now.
            await self._forget(found)
            if found is not None:
                self._left(found)
                self._read = True
                self._version = version if await self._done(self._keep(found)) else None
            await self._copy()
        except (HistoryUnavailable, HistoryError) as error:
            await self._close()
            return str(error)
        except TimeoutError:
            await self._close()
            return f"PostgreSQL does not answer within {PATIENCE:g} s"
        return None

    async def _ask(self) -> tuple[str, Sequence[Plan] | None]:
        """Return a version of the stored schedules, and themselves where it is a new one."""
        if self._connection is None:
            self._connection = await engine.connect(self._url, "schedules")
            await schema.check(self._connection)
            self._deaf = float("-inf")
        if self._declared and monotonic() - self._confirmed > SEEN:
            await rows.declare(self._connection, self._declared)
            self._confirmed = monotonic()
        version = await rows.version(self._connection)
        return version, None if version == self._version else await rows.plans(self._connection)

    def _left(self, found: Sequence[Plan]) -> None:
        """Note which schedules were removed, or have moved to another queue."""
        here = {(each.queue, each.name) for each in (*found, *self._declared)}
        names = {name for _, name in here}
        for each in self._stored:
            # One in code may be in two queues, as long as two versions of the code run.
            if not (each.declared and each.name in names):
                self._gone.add((each.queue, each.name))
        self._gone -= here
        self._stored = found

    async def _forget(self, found: Sequence[Plan] | None) -> None:
        """Drop what Redis keeps of schedules that are gone; one that came back stays."""
        for queue, name in self._gone - {(each.queue, each.name) for each in found or ()}:
            if await self._done(ledger.forget(self._lane, self._keys, queue, [name])):
                self._gone.discard((queue, name))

    async def _keep(self, found: Sequence[Plan]) -> None:
        await ledger.keep_plans(self._lane, self._keys, found)

    async def _copy(self) -> None:
        """Copy what became of occurrences: from where something did, and now and then from all."""
        if monotonic() - self._swept > SWEEP and await self._done(self._sweep()):
            self._swept = monotonic()
        for place in [*self._timetable.settled]:
            # Before we look: what is settled while we do must be seen the next time.
            self._timetable.settled.discard(place)
            empty = False
            try:
                empty = await self._done(self._copy_from(place))
            finally:
                if not empty:
                    self._timetable.settled.add(place)

    async def _sweep(self) -> None:
        self._timetable.settled.update(await queues(self._lane, self._keys))

    async def _copy_from(self, place: str) -> None:
        entries, found = await ledger.read(self._lane, self._keys, place)
        if entries:
            self._timetable.settled.add(place)  # there may be more, and the next look says so
            async with asyncio.timeout(PATIENCE):
                await rows.write(self._connection, found)
            await ledger.drop(self._lane, self._keys, place, entries)

    @staticmethod
    async def _done(work: Awaitable[None]) -> bool:
        """Do something with Redis; of what can't be done now the firer tells, and we go on."""
        try:
            await work
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("ledger or schedules not read", extra={"error": str(error)})
            return False
        return True

    async def _recall(self) -> None:
        """Take the schedules that Redis keeps, unless PostgreSQL has told us others."""
        if self._read:
            return

        async def take() -> None:
            self._timetable.take(await ledger.plans(self._lane, self._keys))

        await self._done(take())

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
