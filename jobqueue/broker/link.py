"""Connections to Redis at the level of asyncio's protocols and of sockets, without streams.

redis-py opens a connection, with TLS, user and name, and these take over its transport or its
socket: the reader, the writer and the timeouts of its streams cost more than all the rest of a
request.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError

from jobqueue.broker.connections import Connection

_READ = 65_536  # bytes
_MORE = object()  # what the reader returns until an answer is whole


def _reader(connection: Connection) -> hiredis.Reader:
    return hiredis.Reader(
        protocolError=InvalidResponse,
        replyError=connection._parser.parse_error,  # noqa: SLF001 - redis-py has no other way
        notEnoughData=_MORE,
    )


class Receiver(Protocol):
    """What hears of a request's end, once; a future is one."""

    def done(self) -> bool:
        """Whether nobody listens any more."""

    def set_result(self, answers: list[Any], /) -> None:
        """Take the answers, of which some may be errors."""

    def set_exception(self, error: Exception, /) -> None:
        """Hear that they will not come; the connection is to be closed."""


class _Request(NamedTuple):
    """Commands whose answers are still to come."""

    size: int
    into: Receiver
    timer: asyncio.TimerHandle


class Link(asyncio.Protocol):
    """A connection; requests, of any number of commands each, are answered in their order.

    Args:
        connection: One that redis-py has opened, and that nobody else uses from now on.

    Attributes:
        known: Scripts that its server has carried out, by their SHA-1; whoever asks notes them.
    """

    def __init__(self, connection: Connection) -> None:
        self.known: set[str] = set()
        self._connection = connection
        self._reader = _reader(connection)
        self._requests: deque[_Request] = deque()
        self._answers: list[Any] = []  # to the first of them, as far as they are here
        self._transport: asyncio.Transport = connection._writer.transport  # noqa: SLF001 - the same
        self._transport.set_protocol(self)

    @property
    def open(self) -> bool:
        """Whether a request can be sent, as far as is known."""
        return not self._transport.is_closing()

    async def close(self) -> None:
        """Close the connection; what was sent may still be carried out."""
        await self._connection.disconnect(nowait=True)

    async def exchange(self, commands: Sequence[Sequence[Any]], seconds: float) -> list[Any]:
        """Send commands and return their answers, of which some may be errors.

        After anything else than a return the connection is to be closed: answers may be missing.

        Raises:
            TimeoutError: They did not come in ``seconds``.
            redis.exceptions.RedisError: The connection was lost, or nonsense came.
        """
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.send(commands, seconds, done)
        return await done

    def send(self, commands: Sequence[Sequence[Any]], seconds: float, into: Receiver) -> None:
        """Send commands; ``into`` hears of the answers where they arrive, in no task."""
        self._transport.write(b"".join([hiredis.pack_command(tuple(each)) for each in commands]))
        # A timer of its own costs a third of asyncio.timeout.
        timer = asyncio.get_running_loop().call_later(seconds, self._late)
        self._requests.append(_Request(len(commands), into, timer))

    def data_received(self, data: bytes) -> None:
        """Gather answers; the last one of a request ends it."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not _MORE:
                if isinstance(answer, hiredis.PushNotification):
                    continue  # nobody asked for one
                if isinstance(answer, RedisConnectionError):  # redis-py's class for LOADING, too
                    raise answer
                self._answers.append(answer)
                if self._requests and len(self._answers) == self._requests[0].size:
                    self._end()
        except RedisError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the requests that wait."""
        self._fail(exc or RedisConnectionError("Connection closed by server."))

    def _late(self) -> None:
        self._fail(TimeoutError())

    def _end(self) -> None:
        """End the first request with the answers that are here."""
        _, into, timer = self._requests.popleft()
        answers, self._answers = self._answers, []
        timer.cancel()
        if not into.done():
            into.set_result(answers)

    def _fail(self, error: Exception) -> None:
        """End every request."""
        requests, self._requests = self._requests, deque()
        for _, into, timer in requests:
            timer.cancel()
            if not into.done():
                into.set_exception(error)


class SyncLink:
    """The blocking form of a :class:`Link`, of one command at a time.

    Args:
        connection: One that redis-py has opened, and that nobody else uses from now on.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = _reader(connection)
        self._socket: socket.socket = connection._sock  # noqa: SLF001 - redis-py has no other way
        self._seconds: float | None = None  # that the socket waits

    def close(self) -> None:
        """Close the connection; what was sent may still be carried out."""
        self._connection.disconnect()

    def exchange(self, command: Sequence[Any], seconds: float) -> Any:
        """Send a command and return its answer, which may be an error; see :meth:`Link.exchange`.

        Raises:
            TimeoutError: Nothing came for ``seconds``.
            OSError: The connection was lost.
            redis.exceptions.RedisError: The same, or nonsense came.
        """
        if seconds != self._seconds:
            self._socket.settimeout(seconds)
            self._seconds = seconds
        self._socket.sendall(hiredis.pack_command(tuple(command)))
        while (answer := self._reader.gets()) is _MORE or isinstance(
            answer, hiredis.PushNotification
        ):
            if answer is _MORE:
                self._feed()
        if isinstance(answer, RedisConnectionError):
            raise answer
        return answer

    def _feed(self) -> None:
        data = self._socket.recv(_READ)
        if not data:
            raise RedisConnectionError("Connection closed by server.")
        self._reader.feed(data)
