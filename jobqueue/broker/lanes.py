"""Connections to Redis that never repeat a command by themselves.

A :class:`Lane` is one connection with one request in flight. redis-py's own
retries are off, since a repeated command whose first answer was lost would run
twice; whoever owns a lane repeats numbered calls instead. After any error or
cancellation the connection is dropped, so an answer never meets the wrong
question.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Self, TypeVar, cast

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry as RedisRetry

from jobqueue.broker.calls import Call
from jobqueue.domain.errors import BrokerError, BrokerUnavailable

T = TypeVar("T")

TIMEOUT = 10.0  # seconds for an answer; scripts take milliseconds

# Answers that say "not now": pause and repeat. Anything else repeats the same.
_NOT_NOW = (
    "LOADING", "READONLY", "NOREPLICAS", "UNBLOCKED", "MASTERDOWN", "CLUSTERDOWN", "OOM",
    "MISCONF", "BUSY", "TRYAGAIN", "MAXCLIENTS",
)  # fmt: skip


_NOT_NOW_TYPES = (
    AskError, BusyLoadingError, ClusterDownError, OutOfMemoryError, ReadOnlyError, TryAgainError,
)  # fmt: skip
# A script met a slot that is moving: it may have stopped half way.
_HALF_WAY = "non local key"


_GRANT = (
    "; give the user the keys and commands: ACL SETUSER name ~prefix:* +@all -@dangerous +info; "
    "see `jobqueue docs settings`"
)


class AnswerLost(BrokerUnavailable):
    """The request was sent and no answer came: it may have been carried out."""


def translate(error: BaseException, *, sent: bool) -> Exception:
    """Return our error for one of redis-py's, a timeout or a broken socket."""
    if isinstance(error, ResponseError | BusyLoadingError):
        # redis-py strips the code of errors that have a class of their own.
        text = f"{type(error).__name__}: {error}"
        # The whole first word: BUSYGROUP, for one, is no BUSY.
        not_now = isinstance(error, _NOT_NOW_TYPES) or str(error).split(" ")[0] in _NOT_NOW
        kind = BrokerUnavailable if not_now else AnswerLost if _HALF_WAY in text else BrokerError
        grant = _GRANT if isinstance(error, NoPermissionError) else ""
        return kind(f"Redis refused: {text}{grant}")
    lost = AnswerLost if sent else BrokerUnavailable
    return lost(f"Redis can't be reached: {str(error) or 'no answer in time'}")


_FAILURES = (RedisError, OSError, TimeoutError)


class Server:
    """Where Redis is, and how to open connections to it.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` with user, password and
            database.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: str, name: str = "jobqueue") -> None:
        self.url = url
        self._options: dict[str, Any] = {
            "protocol": 3,
            "legacy_responses": False,
            "client_name": name,
            "socket_connect_timeout": 5.0,
            "socket_keepalive": True,
        }
        if url.startswith("unix:"):
            del self._options["socket_keepalive"]

    def lane(self, timeout: float = TIMEOUT) -> "Lane":
        """Return a new asynchronous lane; it connects when first used."""
        return Lane(self, timeout)

    def sync_lane(self, timeout: float = TIMEOUT) -> "SyncLane":
        """Return a new blocking lane; it connects when first used."""
        return SyncLane(self, timeout)

    # redis-py annotates its connections only in part, so they are Any from here on.

    def connection(self) -> Any:
        """Return an unconnected asynchronous connection without retries or timeout."""
        retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        pool: Any = redis.asyncio.ConnectionPool.from_url(
            self.url, retry=retry, socket_timeout=None, **self._options
        )
        return pool.make_connection()

    def sync_connection(self, timeout: float) -> Any:
        """Return an unconnected blocking connection without retries."""
        pool = redis.ConnectionPool.from_url(
            self.url, retry=RedisRetry(NoBackoff(), 0), socket_timeout=timeout, **self._options
        )
        return pool.make_connection()


def _command(call: Call[Any], *, whole: bool) -> tuple[Any, ...]:
    if whole:
        return ("EVAL", call.script.source, 1, call.key, *call.args)
    return ("EVALSHA", call.script.sha, 1, call.key, *call.args)


class Lane:
    """An asynchronous connection with one request in flight."""

    def __init__(self, server: Server, timeout: float) -> None:
        self._connection = server.connection()
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; the next request opens it again."""
        await self._connection.disconnect(nowait=True)

    async def call(self, call: Call[T]) -> T:
        """Run one script.

        Raises:
            BrokerUnavailable: It was not run; repeat it later.
            AnswerLost: It may have been run; repeat it with the same number.
            BrokerError: Redis refused it for good.
        """
        return cast("T", (await self.calls([call]))[0])

    async def calls(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run several scripts in one round trip; answers come in their order."""
        answers = await self._exchange([_command(call, whole=False) for call in calls])
        for i, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                # EVAL keeps the script, so this happens once for each server start.
                [answers[i]] = await self._exchange([_command(calls[i], whole=True)])
            if isinstance(answers[i], RedisError):
                raise translate(answers[i], sent=True) from answers[i]
        return [call.parse(answer) for call, answer in zip(calls, answers, strict=True)]

    async def command(self, *args: Any, wait: float = 0) -> Any:
        """Run one plain command; ``wait`` is how long it may block, in seconds."""
        return (await self.commands([args], wait))[0]

    async def commands(self, commands: Sequence[Sequence[Any]], wait: float = 0) -> list[Any]:
        """Run plain commands in one round trip; the first error answer is raised."""
        answers = await self._exchange(commands, wait)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise translate(answer, sent=True) from answer
        return answers

    async def _exchange(self, commands: Sequence[Sequence[Any]], wait: float = 0) -> list[Any]:
        connection, sent = self._connection, False
        try:
            async with asyncio.timeout(self._timeout + wait):
                if not connection.is_connected:
                    await connection.connect()
                sent = True
                await connection.send_packed_command(connection.pack_commands(commands))
                return [await self._read() for _ in commands]
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, _FAILURES):
                raise translate(error, sent=sent) from error
            raise

    async def _read(self) -> Any:
        try:
            return await self._connection.read_response(disconnect_on_error=False)
        except ResponseError as error:
            return error


class SyncLane:
    """The blocking form of :class:`Lane`, for programs without an event loop."""

    def __init__(self, server: Server, timeout: float) -> None:
        self._connection = server.sync_connection(timeout)

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.disconnect()

    def call(self, call: Call[T]) -> T:
        """Run one script; errors are those of :meth:`Lane.call`."""
        answer = self._exchange(_command(call, whole=False))
        if isinstance(answer, NoScriptError):
            answer = self._exchange(_command(call, whole=True))
        if isinstance(answer, RedisError):
            raise translate(answer, sent=True) from answer
        return call.parse(answer)

    def command(self, *args: Any) -> Any:
        """Run one plain command."""
        answer = self._exchange(args)
        if isinstance(answer, RedisError):
            raise translate(answer, sent=True) from answer
        return answer

    def _exchange(self, command: Sequence[Any]) -> Any:
        connection, sent = self._connection, False
        try:
            if not connection.is_connected:
                connection.connect()
            sent = True
            connection.send_command(*command)
            return connection.read_response(disconnect_on_error=False)
        except ResponseError as error:
            return error
        except _FAILURES as error:
            connection.disconnect()
            raise translate(error, sent=sent) from error
        except BaseException:
            connection.disconnect()
            raise
