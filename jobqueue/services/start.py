"""What a service asks Redis before it begins, and for how long it waits for an answer.

On a cluster nodes may be away: a service begins when it can do something, and takes up the
rest when it can be reached.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import TypeVar

import msgspec

from jobqueue.broker import facts, pauses
from jobqueue.broker.facts import Facts
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable, ConfigurationError

log = logging.getLogger("jobqueue")

PATIENCE = 10.0  # seconds that Redis may be away
AGAIN = 0.2  # seconds between two tries
BRIEFLY = 2.0  # seconds that a node of a cluster may take for what a service can do without

T = TypeVar("T")


class Found(msgspec.Struct, frozen=True):
    """Where the jobs of queues are, and whether Redis has said so or only code."""

    places: dict[str, list[str]]
    certain: bool


class Start:
    """Asks Redis before a service of an app begins.

    Args:
        server: Where Redis is.
        keys: Names of the installation's keys.
        splits: The partitions of queues.
    """

    def __init__(self, server: Server, keys: Keys, splits: Splits) -> None:
        self._server = server
        self._keys = keys
        self._splits = splits

    async def facts(self) -> Facts:
        """Return what the server is; wait up to ten seconds for it.

        Raises:
            BrokerUnavailable: It can't be reached; of a cluster, no master can.
            ConfigurationError: It is too old.
        """
        return await self._patiently(facts.ask)

    async def reach(self, places: Mapping[str, Sequence[str]]) -> None:
        """Wait up to ten seconds until one of some queues can be served.

        Raises:
            BrokerUnavailable: None can.
        """
        keys = [self._keys.base(name) for names in places.values() for name in names]
        await self._patiently(lambda lane: facts.reach(lane, keys))

    async def hold(self, places: Mapping[str, Sequence[str]]) -> None:
        """Let pauses hold for queues that were not there when they were made.

        On a cluster the node that knows them may be away: then they hold where they did already,
        and the service does not wait for that node.

        Raises:
            BrokerUnavailable: The only server can't be reached.
        """
        if not self._server.is_cluster:
            await self._patiently(lambda lane: pauses.hold(lane, self._keys, places))
            return
        try:
            async with self._server.lane(BRIEFLY) as lane:
                await pauses.hold(lane, self._keys, places)
        except BrokerUnavailable as error:
            log.warning("pauses not known", extra={"error": str(error)})

    async def places(self, queues: Sequence[str]) -> Found:
        """Return where the jobs of queues are.

        On a cluster the node that knows it may be away, while those of the queues are not: then
        code says it.

        Raises:
            BrokerUnavailable: The only server can't be reached.
            ConfigurationError: Code and Redis do not agree.
        """
        try:
            return Found(
                await self._patiently(lambda lane: self._splits.places(lane, queues)), True
            )
        except BrokerUnavailable as error:
            if not self._server.is_cluster:
                raise
            log.warning("partitions not known, only declared ones", extra={"error": str(error)})
            return Found(self._splits.assumed(queues), False)

    async def check(self, places: Mapping[str, Sequence[str]]) -> None:
        """Wait until Redis says where the jobs are of which only code had said it.

        Where it says the same, this waits for ever.

        Raises:
            ConfigurationError: They are elsewhere, too: the service has to begin anew.
        """
        found = await self._until_known(list(places))
        for queue, names in places.items():
            if found[queue] != names:
                raise ConfigurationError(
                    f"queue {queue!r} has {len(found[queue]) - 1} partitions, which could not be "
                    "known when this worker started: start it again"
                )
        await asyncio.Event().wait()

    async def _until_known(self, queues: Sequence[str]) -> dict[str, list[str]]:
        pause = Pause()
        async with self._server.lane() as lane:
            while True:
                try:
                    return await self._splits.places(lane, queues)
                except BrokerUnavailable as error:
                    log.debug("partitions still not known", extra={"error": str(error)})
                    await pause.wait()

    async def _patiently(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        """Ask a server something; try for ten seconds while it is away."""
        deadline = monotonic() + PATIENCE
        async with self._server.lane() as lane:
            while True:
                try:
                    return await work(lane)
                except BrokerUnavailable:
                    if monotonic() > deadline:
                        raise
                    await asyncio.sleep(AGAIN)
