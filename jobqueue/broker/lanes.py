"""Connections to Redis that never repeat a command by themselves.

A :class:`Lane` is one connection with one request in flight, or a few scripts of one sender
who knows what he has sent (:meth:`Lane.send`). redis-py's own
retries are off, since a repeated command whose first answer was lost would run
twice; whoever owns a lane repeats numbered calls instead. After any error or
cancellation the connection is dropped, so an answer never meets the wrong
question; so it is after the answer of a server that is no master any more, and the
next request looks for the one that is.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from jobqueue.broker.calls import Call
from jobqueue.broker.connections import Home
from jobqueue.broker.failures import FAILURES, demoted, translate
from jobqueue.broker.link import Link, Receiver, SyncLink

T = TypeVar("T")

TIMEOUT = 10.0  # seconds for an answer; scripts take milliseconds

Command = Sequence[Any]


def _command(call: Call[Any], *, whole: bool) -> tuple[Any, ...]:
    if whole:
        return ("EVAL", call.script.source, 1, call.key, *call.args)
    return ("EVALSHA", call.script.sha, 1, call.key, *call.args)


class Lane:
    """An asynchronous connection with one request in flight.

    Args:
        home: Knows where Redis is.
        timeout: Seconds that an answer may take.

    Attributes:
        apart: Whether keys may live on different servers, of which one can be away.
    """

    apart = False
    _link: Link | None = None  # a lane to a cluster has none of its own

    def __init__(self, home: Home, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._closed = 0  # times

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._closed += 1
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _open(self) -> Link:
        closed = self._closed
        link = Link(await self._home.connect())
        if self._closed != closed:  # nobody would ever close this one
            await link.close()
            raise RedisConnectionError("the lane was closed while it was connecting")
        self._link = link
        return link

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
                await self._refused(answers[i])
            if self._link:
                self._link.known.add(calls[i].script.sha)
        return [call.parse(answer) for call, answer in zip(calls, answers, strict=True)]

    def send(self, call: Call[Any], into: Receiver) -> bool:
        """Send one script behind others that are under way, if its server is known to know it.

        ``into`` hears of its answer, which may be an error, as it is: nothing is parsed, repeated
        or closed. Whoever hears of trouble closes the lane.

        Returns:
            Whether it was sent; else :meth:`call` has to come first.
        """
        link = self._link
        if link is None or not link.open or call.script.sha not in link.known:
            return False
        link.send([_command(call, whole=False)], self._timeout, into)
        return True

    async def call_then(
        self, call: Call[T], commands: Sequence[Command], wait: float
    ) -> tuple[T, list[Any]]:
        """Run one script, and behind it, on the same connection, plain commands.

        Returns:
            The script's answer, and those of the commands; among these errors are values.
        """
        # Where the script is unknown Redis runs what stands behind it all the same: so the first
        # call over a connection brings the text. A cluster's lane can't say which one it will be.
        link, sha = self._link, call.script.sha
        whole = not self.apart and not (link and link.open and sha in link.known)
        answer, *others = await self._exchange([_command(call, whole=whole), *commands], wait)
        if isinstance(answer, NoScriptError):
            answer, *others = await self._exchange([_command(call, whole=True), *commands], wait)
        if isinstance(answer, RedisError):
            await self._refused(answer)
        if self._link:
            self._link.known.add(sha)
        return call.parse(answer), others

    async def command(self, *args: Any, wait: float = 0) -> Any:
        """Run one plain command; ``wait`` is how long it may block, in seconds."""
        return (await self.commands([args], wait))[0]

    async def commands(self, commands: Sequence[Command], wait: float = 0) -> list[Any]:
        """Run plain commands in one round trip; the first error answer is raised.

        On a cluster each goes to the master that has its key. One without a key goes with
        the next that has one, else with the last: so ``TIME`` is the time of that master.
        """
        answers = await self._exchange(commands, wait)
        for answer in answers:
            if isinstance(answer, RedisError):
                await self._refused(answer)
        return answers

    async def read(
        self, keys: Sequence[str], command: Callable[[Sequence[str]], Command], seconds: float
    ) -> list[Any]:
        """Run a blocking read of several keys.

        Args:
            keys: What to read.
            command: Returns the command that reads some of them.
            seconds: How long it may block.

        Returns:
            What came: nothing, or one answer; on a cluster perhaps several, and perhaps to a
            read of an earlier call, which had gone on.
        """
        answer = await self.command(*command(keys), wait=seconds)
        return [answer] if answer else []

    async def take(self, keys: Sequence[str], seconds: float) -> tuple[bytes, bytes] | None:
        """Take the first element of the first list that has one; wait for that.

        On a cluster it may be of a list that only an earlier call asked for.

        Returns:
            The list's key and the element; None when nothing came.
        """
        found = await self.command("BLPOP", *keys, seconds, wait=seconds)
        return found and (found[0], found[1])

    async def take_and_call(self, key: str, seconds: float, call: Call[T]) -> T:
        """Take the first element of a list, wait for that, and run one script behind it.

        Both are one request, so nobody has to hear of the element before Redis runs the script.
        It runs as well when the time is over; the element is nobody's if the answer is lost.
        """
        commands = [("BLPOP", key, seconds), _command(call, whole=False)]
        taken, answer = await self._exchange(commands, seconds)
        if isinstance(answer, NoScriptError):
            [answer] = await self._exchange([_command(call, whole=True)])
        for each in (taken, answer):
            if isinstance(each, RedisError):
                await self._refused(each)
        return call.parse(answer)

    async def drop(self) -> bool:
        """End reads that go on between calls; say whether there were any, and maybe a loss."""
        return False

    def together(self, keys: Sequence[str]) -> list[list[str]]:
        """Return ``keys`` in groups that one command may name."""
        return [list(keys)]

    def place(self, key: str) -> str:  # noqa: ARG002 - a lane to a cluster looks at it
        """Return which server of several has a key, as far as is known; else nothing."""
        return ""

    async def masters(self) -> "Sequence[Lane]":
        """Return a lane to each server that has keys."""
        return [self]

    async def _refused(self, error: RedisError) -> None:
        if demoted(error):
            await self.close()
        raise translate(error, sent=True, apart=self.apart) from error

    async def _exchange(self, commands: Sequence[Command], wait: float = 0) -> list[Any]:
        patience, sent = self._timeout + wait, False
        try:
            link = self._link
            if link is None or not link.open:
                # What the server closed while nothing was asked has lost no answer.
                await self.close()
                loop = asyncio.get_running_loop()
                began = loop.time()
                async with asyncio.timeout(patience):
                    link = await self._open()
                patience -= loop.time() - began
            sent = True
            return await link.exchange(commands, patience)
        except BaseException as error:
            await self.close()
            if isinstance(error, FAILURES):
                raise translate(error, sent=sent) from error
            raise


class SyncLane:
    """The blocking form of :class:`Lane`, for programs without an event loop.

    Args:
        home: Knows where Redis is.
        timeout: Seconds that an answer may take.

    Attributes:
        apart: As for a :class:`Lane`.
    """

    apart = False

    def __init__(self, home: Home, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._link: SyncLink | None = None

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def call(self, call: Call[T]) -> T:
        """Run one script; errors are those of :meth:`Lane.call`."""
        answer = self._exchange(_command(call, whole=False))
        if isinstance(answer, NoScriptError):
            answer = self._exchange(_command(call, whole=True))
        if isinstance(answer, RedisError):
            self._refused(answer)
        return call.parse(answer)

    def call_then(
        self, call: Call[T], commands: Sequence[Command], wait: float
    ) -> tuple[T, list[Any]]:
        """Run one script and plain commands behind it; see :meth:`Lane.call_then`."""
        return self.call(call), self._each(commands, wait)

    def command(self, *args: Any) -> Any:
        """Run one plain command."""
        answer = self._exchange(args)
        if isinstance(answer, RedisError):
            self._refused(answer)
        return answer

    def place(self, key: str) -> str:  # noqa: ARG002 - a lane to a cluster looks at it
        """Return which server of several has a key; see :meth:`Lane.place`."""
        return ""

    def masters(self) -> "Sequence[SyncLane]":
        """Return a lane to each server that has keys."""
        return [self]

    def _refused(self, error: RedisError) -> None:
        if demoted(error):
            self.close()
        raise translate(error, sent=True, apart=self.apart) from error

    def _each(self, commands: Sequence[Command], wait: float = 0) -> list[Any]:
        return [self._exchange(command, wait) for command in commands]

    def _exchange(self, command: Command, wait: float = 0) -> Any:
        sent = False
        try:
            if self._link is None:
                self._link = SyncLink(self._home.connect_sync(self._timeout))
            sent = True
            return self._link.exchange(command, self._timeout + wait)
        except FAILURES as error:
            self.close()
            raise translate(error, sent=sent) from error
        except BaseException:
            self.close()
            raise
