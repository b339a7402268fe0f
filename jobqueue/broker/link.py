"""A connection to Redis at the level of asyncio's protocols, without streams.

redis-py opens the connection, with TLS, user and name, and this takes over its transport: the
reader, the writer and the timeouts of its streams cost more than all the rest of a request.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError

from jobqueue.broker.connections import Connection

_MORE = object()  # what the reader returns until an answer is whole


class Link(asyncio.Protocol):
    """A connection with one request in flight, of any number of commands.

    Args:
        connection: One that redis-py has opened, and that nobody else uses from now on.

    Attributes:
        known: Scripts that its server has carried out, by their SHA-1; whoever asks notes them.
    """

    def __init__(self, connection: Connection) -> None:
        self.known: set[str] = set()
        self._connection = connection
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=connection._parser.parse_error,  # noqa: SLF001 - redis-py has no other way
            notEnoughData=_MORE,
        )
        self._answers: list[Any] = []
        self._missing = 0
        self._done: asyncio.Future[list[Any]] | None = None
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
        loop = asyncio.get_running_loop()
        self._done, self._answers, self._missing = loop.create_future(), [], len(commands)
        self._transport.write(b"".join([hiredis.pack_command(tuple(each)) for each in commands]))
        # A timer of its own costs a third of asyncio.timeout.
        timer = loop.call_later(seconds, self._fail, TimeoutError())
        try:
            return await self._done
        finally:
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Gather answers; the last one ends the request."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not _MORE:
                if isinstance(answer, hiredis.PushNotification):
                    continue  # nobody asked for one
                if isinstance(answer, RedisConnectionError):  # redis-py's class for LOADING, too
                    raise answer
                self._answers.append(answer)
        except RedisError as error:
            self._fail(error)
        if self._done and len(self._answers) == self._missing and not self._done.done():
            self._done.set_result(self._answers)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request that waits."""
        self._fail(exc or RedisConnectionError("Connection closed by server."))

    def _fail(self, error: Exception) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(error)
