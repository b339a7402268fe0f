"""What the look at the keys after every test finds: each kind of thing that is left behind."""

from typing import Any

import pytest

from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import Broker, connect

BASE = "jobqueue:{default}:"

# What somebody leaves, and what is said of it.
LEFT: dict[str, tuple[list[Any], str]] = {
    "stranger": (["SET", "other", 1], "other: no such key in keys.py"),
    "part": (["SET", f"{BASE}odd", 1], "odd: no such key in keys.py"),
    "prefix": (["SET", "jobqueuex:queues", 1], "jobqueuex:queues: no such key in keys.py"),
    "type": (["SET", f"{BASE}counts", 1], "counts: is a string, not a hash"),
    "presence": (["SET", "jobqueue:service:worker:w", "{}"], "worker:w: lives for ever"),
    "call": (["SET", f"{BASE}call:w", 1], "call:w: has no lifetime of 1 hour"),
    "inbox": (["RPUSH", f"{BASE}inbox:c", 1], "inbox:c: has no lifetime of 1 minute"),
    "tokens": (["RPUSH", f"{BASE}wake", 1, 1], "wake: holds more than one token"),
    "state": (["HSET", f"{BASE}state:gone", "state", "dead"], "its job is gone"),
    "due": (["ZADD", f"{BASE}scheduled", 1, "gone"], "gone has no record"),
    "unique": (["SET", f"{BASE}unique:u", "gone"], "names 'gone', which has ended"),
    "idem": (["SET", f"{BASE}idem:i", "print gone"], "names 'gone', which has ended"),
    "lock": (["SET", f"{BASE}lock:l", "gone"], "is held by b'gone', while [] may run"),
    "line": (["RPUSH", f"{BASE}waiting:l", "gone"], "nobody is at the head of"),
    "expiring": (["ZADD", f"{BASE}expiring", 1, "gone"], "gone can't expire"),
    "slot": (["SADD", f"{BASE}limit:job:x", "token"], "token occupies it and does not run"),
    "rate": (["RPUSH", f"{BASE}rate:job:x", 1], "rate:job:x: lives for ever"),
    "parked": (["ZADD", f"{BASE}parked:limit:job:x", 1, "gone"], "gone does not wait for it"),
    "taking": (["SET", f"{BASE}taking", "w1"], "a fetch stopped, and none came after it"),
    "running": (["HSET", f"{BASE}running:w1", "gone", "x" * 60], "its worker has no lease"),
    "succeeded": (["HSET", f"{BASE}succeeded", "gone", "x"], "gone will never be recorded"),
    "scope": (["SADD", f"{BASE}scopes", "limit:job:x"], "nobody waits for limit:job:x"),
}


@pytest.mark.parametrize(("command", "problem"), LEFT.values(), ids=LEFT)
async def test_left_key(redis_url: str, command: list[Any], problem: str) -> None:
    """A key without a lifetime or an owner is named, with what is wrong."""
    async with connect(redis_url) as broker:
        await broker.redis(*command)
        with pytest.raises(AssertionError, match="left behind") as found:
            keyspace.check(redis_url)
        await broker.redis("DEL", command[1])
    assert problem in str(found.value)


async def forgotten(broker: Broker) -> None:
    """Take a job's entry away: nothing leads to the job any more."""
    await broker.redis("DEL", broker.key("ready:2"))


async def unleased(broker: Broker) -> None:
    """Forget the lease of a worker that has a job."""
    await broker.take()
    await broker.redis("DEL", broker.key("leases"))


async def unread(broker: Broker) -> None:
    """Put an entry back that was taken out as its job was delivered."""
    taken = await broker.take()
    await broker.redis("DEL", broker.key("ready:2"))
    await broker.redis("XADD", broker.key("ready:2"), taken.entry, "id", taken.id)


async def elsewhere(broker: Broker) -> None:
    """Say of a job that it is in a stream, while its worker runs it."""
    await broker.take()
    record = broker.keys.job(broker.queue, "job")
    await broker.redis("SETRANGE", record, 1, "again")


@pytest.mark.parametrize(
    ("leave", "problem"),
    [
        (forgotten, "nothing will ever run or remove it"),
        (unleased, "its worker has no lease"),
        (unread, "waits still"),
        (elsewhere, "is not where it says"),
    ],
)
@pytest.mark.keys_not_judged("they are wrong here, and the test has seen it")
async def test_left_job(redis_url: str, leave: Any, problem: str) -> None:
    """So is a job that nobody will run, and an entry that nobody will read."""
    async with connect(redis_url) as broker:
        await broker.enqueue("job", asks=Asks(lock="l"))
        keyspace.check(redis_url)
        await leave(broker)
        with pytest.raises(AssertionError, match=problem):
            keyspace.check(redis_url)


async def test_several_installations(redis_url: str) -> None:
    """The prefixes that are named may be there, each with its own keys; no other."""
    async with connect(redis_url) as broker:
        await broker.redis("SADD", "shop:queues", "default")
        keyspace.check(redis_url, ["jobqueue", "shop"])
        await broker.redis("SET", "shop:{default}:call:w", 1)
        with pytest.raises(AssertionError, match=r"shop:\{default\}:call:w: has no lifetime"):
            keyspace.check(redis_url, ["jobqueue", "shop"])
        with pytest.raises(AssertionError, match="shop:queues: no such key"):
            keyspace.check(redis_url, [])
        await broker.redis("DEL", "shop:queues", "shop:{default}:call:w")
