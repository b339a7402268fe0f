"""Scripts that stop half way, as one does in a cluster whose slot is moving.

``stopped(call, n)`` is the same call by a script that ends with an error instead of its
write number n + 1. Redis keeps the first n writes.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha1
from itertools import count
from typing import Any, TypeVar

from msgspec.structs import replace

from jobqueue.broker.calls import Call
from jobqueue.domain.errors import BrokerError
from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker
from tests.support.rules import limit

T = TypeVar("T")

KEYED = limit(1, keyed=True)
LOCK = Asks(lock="l")
FAR = 4_000_000_000_000
ALL = Asks(
    lock="l", unique="k", idem="i", print="p", keep=HOUR_MS, expires=FAR, keys={KEYED.label: "x"}
)

HELD = ("unique:k", "lock:l", "waiting:l", "expiring", "scopes", "limit:job:job")

# A script reads `redis` from here on: the real one behind a count of its writes.
GUARD = """
local server, left = redis, %d
local reads = {EXISTS = 1, GET = 1, HEXISTS = 1, HGET = 1, HGETALL = 1, HMGET = 1, LINDEX = 1,
  LLEN = 1, MGET = 1, PTTL = 1, SCARD = 1, SISMEMBER = 1, SMISMEMBER = 1,
  SMEMBERS = 1, SRANDMEMBER = 1, TIME = 1,
  HLEN = 1, XLEN = 1, XRANGE = 1, ZRANGE = 1, ZRANGEBYSCORE = 1, ZSCORE = 1}
local function guard(run)
  return function(command, ...)
    if not reads[command] then
      if left == 0 then return error(server.error_reply('STOPPED before ' .. command)) end
      left = left - 1
    end
    return run(command, ...)
  end
end
local redis = {call = guard(server.call), pcall = guard(server.pcall), sha1hex = server.sha1hex}
"""


def stopped(call: Call[T], writes: int) -> Call[T]:
    """Return the call by a script that stops after ``writes`` writes."""
    shebang, _, rest = call.script.source.partition("\n")
    source = shebang + GUARD % writes + rest
    sha = sha1(source.encode(), usedforsecurity=False).hexdigest()
    return replace(call, script=replace(call.script, source=source, sha=sha))


async def stops(broker: Broker, call: Call[Any], writes: int) -> bool:
    """Run a call that stops after ``writes`` writes; say whether it had more to write."""
    try:
        await broker.run(stopped(call, writes))
    except BrokerError as error:
        if "STOPPED" not in str(error):
            raise
        return True
    return False


async def at_every_write(broker: Broker, play: Callable[[int], Awaitable[bool]]) -> int:
    """Play a scene with the stop after 0, 1, 2, … writes until nothing is left to stop.

    Args:
        broker: Emptied before each scene.
        play: Plays it; gets the number of writes, says whether the script was stopped.

    Returns:
        The number of scenes in which it was.
    """
    for writes in count():
        await broker.redis("FLUSHALL")
        broker.numbers.clear()
        if not await play(writes):
            return writes
    raise AssertionError


async def ends_once(broker: Broker, *ids: str) -> None:
    """Run what is there, record it, and assert that each job ended by one execution."""
    await broker.drain()
    final = {(record.job_id, record.id) for record in await broker.journal() if record.final}
    assert Counter(id_ for id_, _ in final) == dict.fromkeys(ids, 1)
    await broker.recorded()
    assert not [id_ for id_ in ids if await broker.exists(id_)]
    for stream in broker.keys.streams(broker.queue):
        assert not await broker.redis("XLEN", stream), stream


async def all_over(broker: Broker, *names: str) -> None:
    """Run what is there; assert that each job ends once and nobody holds or waits for anything."""
    await broker.mature(*names)
    final: set[tuple[str, str]] = set()
    for _ in range(2):  # a recorder may free what others wait for
        await broker.drain()
        final |= {(row.job_id, row.id) for row in await broker.journal() if row.final}
        await broker.recorded()
    assert sorted(id_ for id_, _ in final) == sorted(names)
    assert not [id_ for id_ in names if await broker.exists(id_)]
    keyspace.check(broker.url)
    held = [broker.keys.scope(broker.queue, part) for part in HELD]
    assert await broker.redis("EXISTS", *held) == 0
