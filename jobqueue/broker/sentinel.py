"""Finds the master that the sentinels name, each time a connection is made.

A connection is used only when its server itself says that it is the master, since
sentinels may be a moment late. The sentinel that knew it last is asked first.
"""

from collections.abc import Sequence
from typing import Any

from jobqueue.broker.connections import Connection, Hosts, Single
from jobqueue.broker.failures import FAILURES, of_several
from jobqueue.broker.lanes import Lane, SyncLane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.topology import Address, Several

ASK = 1.0  # seconds for one sentinel; there are others
CONNECT = 2.0  # seconds for the master that one of them names

_NOBODY = "no sentinel leads to a master"
_UNUSABLE = (BrokerUnavailable, BrokerError, *FAILURES)


class Sentinels(Hosts):
    """The sentinels of one master."""

    def __init__(self, url: Several, name: str) -> None:
        super().__init__(url, name)
        self._order: Sequence[Address] = url.hosts
        self._question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", url.master)

    async def connect(self) -> Connection:
        """Open an asynchronous connection to the master."""
        problems: list[tuple[Address, Exception]] = []
        for sentinel in self._order:
            try:
                connection = await self._by_way_of(sentinel)
            except _UNUSABLE as error:
                problems.append((sentinel, error))
            else:
                self._prefer(sentinel)
                return connection
        raise of_several(_NOBODY, problems)

    def connect_sync(self, timeout: float) -> Connection:
        """Open a blocking connection to the master."""
        problems: list[tuple[Address, Exception]] = []
        for sentinel in self._order:
            try:
                connection = self._by_way_of_sync(sentinel, timeout)
            except _UNUSABLE as error:
                problems.append((sentinel, error))
            else:
                self._prefer(sentinel)
                return connection
        raise of_several(_NOBODY, problems)

    async def _by_way_of(self, sentinel: Address) -> Connection:
        async with Lane(self._sentinel(sentinel), ASK) as lane:
            master = self._master(await lane.command(*self._question))
        connection = await master.connect()
        try:
            await connection.send_command("ROLE")
            self._check(await connection.read_response())
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    def _by_way_of_sync(self, sentinel: Address, timeout: float) -> Connection:
        lane = SyncLane(self._sentinel(sentinel), ASK)
        try:
            master = self._master(lane.command(*self._question))
        finally:
            lane.close()
        connection = master.connect_sync(timeout)
        try:
            connection.send_command("ROLE")
            self._check(connection.read_response())
        except BaseException:
            connection.disconnect()
            raise
        return connection

    def _sentinel(self, address: Address) -> Single:
        return Single(self._url.sentinel_url(address), self._name, ASK)

    def _master(self, answer: Any) -> Single:
        if answer is None:
            raise BrokerUnavailable(f"it knows no master {self._url.master!r}")
        return self.home(Address(answer[0].decode(), int(answer[1])), CONNECT)

    def _check(self, role: Any) -> None:
        if role[0] != b"master":
            raise BrokerUnavailable("the server that it names is no master")

    def _prefer(self, sentinel: Address) -> None:
        self._order = sorted(self._order, key=lambda each: each != sentinel)
