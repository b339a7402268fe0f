"""A lane never repeats by itself, never mixes answers up, and says what an error means."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from tests.support import wait_until
from tests.support.broker import Broker, connect

NOT_NOW = [
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "NOREPLICAS Not enough good replicas to write.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "BUSY Redis is busy running a script.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "ASK 3999 127.0.0.1:6381",
]
HALF_WAY = (
    "ERR Script attempted to access a non local key in a cluster node script: 1, on @user_script:1."
)
FOR_GOOD = [
    "ERR unknown command 'X'",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "BUSYGROUP Consumer Group name already exists",
    "NOPERM this user has no permissions to run the 'xadd' command",
]


def answering(text: str) -> tuple[str, ...]:
    """Return a command that Redis answers with this error."""
    return ("EVAL", "return redis.error_reply(ARGV[1])", "0", text)


async def blocked(broker: Broker, commands: str = "blpop") -> int:
    """Return the connection that blocks, as soon as one does."""

    async def find() -> int | None:
        lines = (await broker.redis("CLIENT", "LIST")).decode().splitlines()
        clients = [dict(pair.split("=", 1) for pair in line.split()) for line in lines]
        return next(
            (int(c["id"]) for c in clients if c["cmd"] == commands and "b" in c["flags"]), None
        )

    return await wait_until(find, description="a client blocks") or 0


@pytest.fixture
async def broker(any_redis_url: str) -> AsyncIterator[Broker]:
    """One queue on a single server, on one connection."""
    async with connect(any_redis_url) as broker:
        yield broker


@pytest.fixture
async def lane(any_redis_url: str) -> Lane:
    """A second connection to the server, closed by the end of the event loop."""
    return Server(any_redis_url).lane()


@pytest.mark.parametrize("text", NOT_NOW, ids=lambda text: text.split()[0])
async def test_not_now(broker: Broker, text: str) -> None:
    """An answer that will pass means: nothing was done, repeat it later."""
    with pytest.raises(BrokerUnavailable) as caught:
        await broker.redis(*answering(text))
    assert not isinstance(caught.value, AnswerLost)
    lane = Server(broker.url).sync_lane()
    with pytest.raises(BrokerUnavailable) as caught:
        lane.command(*answering(text))
    assert not isinstance(caught.value, AnswerLost)
    lane.close()


@pytest.mark.parametrize("text", FOR_GOOD, ids=lambda text: text.split()[0])
async def test_for_good(broker: Broker, text: str) -> None:
    """Any other answer would come again: it is no outage."""
    with pytest.raises(BrokerError, match=text.rsplit(maxsplit=1)[-1]):
        await broker.redis(*answering(text))


async def test_half_way(broker: Broker) -> None:
    """A script that met a moving slot may have written something: repeat it, and be unsure."""
    with pytest.raises(AnswerLost):
        await broker.redis(*answering(HALF_WAY))


async def test_an_error_keeps_the_connection(broker: Broker) -> None:
    """An error answer is an answer; the connection stays."""
    before = await broker.redis("CLIENT", "ID")
    with pytest.raises(BrokerError):
        await broker.redis("NO-SUCH-COMMAND")
    assert await broker.redis("CLIENT", "ID") == before


async def test_busy_server(broker: Broker, lane: Lane) -> None:
    """A server that runs an endless script is busy, not broken."""
    await broker.redis("CONFIG", "SET", "busy-reply-threshold", "1")
    async with lane:
        endless = asyncio.create_task(lane.command("EVAL", "while true do end", 0))

        async def busy() -> bool:
            try:
                return not await broker.redis("PING")
            except BrokerUnavailable as error:
                return "BUSY" in str(error)

        await wait_until(busy, description="the server says BUSY")
        await broker.redis("SCRIPT", "KILL")
        with pytest.raises(BrokerError):
            await endless
    await broker.redis("CONFIG", "SET", "busy-reply-threshold", "5000")


async def test_nobody_there() -> None:
    """Without a connection nothing was sent: the error does not say "perhaps"."""
    for url in ("unix:///no/such/socket", "redis://127.0.0.1:1"):
        with pytest.raises(BrokerUnavailable) as caught:
            await Server(url).lane().command("PING")
        assert not isinstance(caught.value, AnswerLost)
        with pytest.raises(BrokerUnavailable) as caught:
            Server(url).sync_lane().command("PING")
        assert not isinstance(caught.value, AnswerLost)


async def test_answer_lost(broker: Broker, lane: Lane) -> None:
    """When the connection breaks after sending, the call may have been carried out."""
    async with lane:
        waiting = asyncio.create_task(lane.command("BLPOP", "nothing", 0, wait=60))
        await broker.redis("CLIENT", "KILL", "ID", await blocked(broker))
        with pytest.raises(AnswerLost):
            await waiting
        assert await lane.command("ECHO", "again") == b"again"


async def test_no_answer_in_time(broker: Broker) -> None:
    """An answer that does not come in time is lost; the lane opens a new connection."""
    async with Server(broker.url).lane(timeout=1.0) as lane:
        with pytest.raises(AnswerLost, match="no answer in time"):
            await lane.command("BLPOP", "nothing", 0)
    sync = Server(broker.url).sync_lane(timeout=1.0)
    with pytest.raises(AnswerLost):
        sync.command("BLPOP", "nothing", 0)
    assert sync.command("ECHO", "again") == b"again"
    sync.close()


async def test_unblocked(broker: Broker, lane: Lane) -> None:
    """A blocking read that somebody ended took nothing."""
    async with lane:
        waiting = asyncio.create_task(lane.command("BLPOP", "nothing", 0, wait=60))
        await broker.redis("CLIENT", "UNBLOCK", await blocked(broker), "ERROR")
        with pytest.raises(BrokerUnavailable) as caught:
            await waiting
    assert not isinstance(caught.value, AnswerLost)


async def test_cancelled(broker: Broker, lane: Lane) -> None:
    """After a cancellation the late answer meets no other question."""
    async with lane:
        waiting = asyncio.create_task(lane.command("BLPOP", "list", 0, wait=60))
        await blocked(broker)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await broker.redis("LPUSH", "list", "late")
        assert await lane.command("ECHO", "mine") == b"mine"
    await broker.redis("DEL", "list")


async def test_cancelled_anywhere(broker: Broker) -> None:
    """A request may be given up at any moment, also while connecting: nothing stays open."""
    for steps in range(40):
        async with Server(broker.url).lane() as lane:
            asking = asyncio.create_task(lane.command("ECHO", "late"))
            for _ in range(steps):
                await asyncio.sleep(0)  # one turn of the loop, not a time
            asking.cancel()
            await asyncio.wait({asking})
            assert await lane.command("ECHO", "mine") == b"mine"
    gc.collect()  # an open connection without an owner warns, and a warning is an error


async def test_script_flush(broker: Broker) -> None:
    """A server that forgot its scripts gets them again, in a pipeline and one by one."""
    await broker.enqueue("a")
    await broker.redis("SCRIPT", "FLUSH")
    assert await broker.enqueue("b") == "c"
    await broker.redis("SCRIPT", "FLUSH")
    calls = [broker.enqueuing("c", caller="p1"), broker.enqueuing("d", caller="p2")]
    assert await broker.lane.calls([*calls, broker.calls.promote(broker.queue, 1)])
    await broker.redis("SCRIPT", "FLUSH")
    sync = Server(broker.url).sync_lane()
    assert sync.call(broker.enqueuing("e")) == "c"
    sync.close()
    assert len(await broker.fetch("w1")) == 5


async def test_a_script_behind_a_token(broker: Broker) -> None:
    """It runs when the element comes, or when the time is over; and once, also as a text."""
    for number, seconds in enumerate((0.01, 30.0, 30.0)):
        if seconds > 1:
            await broker.redis("LPUSH", "token", 1)
        if number == 2:
            await broker.redis("SCRIPT", "FLUSH")
        call = broker.enqueuing(f"job-{number}", caller="p1")
        assert await broker.lane.take_and_call("token", seconds, call) == "c"
    assert await broker.redis("EXISTS", "token") == 0
    assert len(await broker.fetch("w1")) == 3


async def test_a_script_that_would_have_waited(broker: Broker) -> None:
    """Given up before the element comes it never runs, and leaves the element to others."""
    call = broker.enqueuing("a", caller="p1")
    async with Server(broker.url).lane() as lane:
        waiting = asyncio.create_task(lane.take_and_call("token", 30, call))
        client = await blocked(broker)
        waiting.cancel()
        await asyncio.wait({waiting})

        async def gone() -> bool:
            return f"id={client} " not in (await broker.redis("CLIENT", "LIST")).decode()

        await wait_until(gone, description="Redis has noticed")
        assert await lane.command("LPUSH", "token", 1) == 1
    assert await broker.redis("LLEN", "token") == 1
    assert await broker.fetch("w1") == []
    await broker.redis("DEL", "token")


async def test_commands_behind_a_script_run_once(broker: Broker) -> None:
    """Also where the server does not know the script yet: they may be a long wait."""
    sync = Server(broker.url).sync_lane()
    async with Server(broker.url).lane() as lane:
        for number in range(3):
            if number < 2:
                await broker.redis("SCRIPT", "FLUSH")
                await lane.close()
            behind = [("INCR", "behind")]
            for each, sent in enumerate((lane.call_then, sync.call_then)):
                call = broker.enqueuing(f"job-{number}-{each}")
                found = sent(call, behind, 1)
                answer = await found if asyncio.iscoroutine(found) else found
                assert answer == ("c", [2 * number + each + 1])
    sync.close()
    await broker.redis("DEL", "behind")


async def test_error_in_a_pipeline(broker: Broker) -> None:
    """One failing call of several fails them all for the caller, who repeats them all."""
    await broker.redis("SET", broker.keys.leases("broken"), "no sorted set")
    good = broker.enqueuing("a")
    bad = broker.calls.renew("broken", "w1", 1000)
    with pytest.raises(BrokerError, match="WRONGTYPE"):
        await broker.lane.calls([good, bad])
    assert await broker.run(good) == "c"
    await broker.redis("DEL", broker.keys.leases("broken"))
