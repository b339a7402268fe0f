"""One queue on a real server: how a test sends calls to it and looks at what is there."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jobqueue.broker.calls import Call, Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution

T = TypeVar("T")

# What passes for a rate: each start, and the marker of the scope, become older.
AGE = """
local key, by = KEYS[1], tonumber(ARGV[1])
for i, at in ipairs(redis.call('LRANGE', key, 0, -1)) do redis.call('LSET', key, i - 1, at - by) end
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then redis.call('ZINCRBY', KEYS[2], -by, ARGV[2]) end
"""

FOR_SERVERS = {"CONFIG", "FLUSHALL", "SCRIPT"}


@dataclass
class Place:
    """A queue, without those who talk to it."""

    lane: Lane
    url: str
    queue: str = "default"
    keys: Keys = field(default_factory=lambda: Keys("jobqueue"))
    numbers: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> Calls:
        """The typed scripts."""
        return Calls(self.keys)

    def key(self, part: str) -> str:
        """Return a key of the queue, such as ``ready:2``."""
        return f"{self.keys.base(self.queue)}{part}"

    async def run(self, call: Call[T]) -> T:
        """Send a call, for the first time or again."""
        return await self.lane.call(call)

    async def redis(self, *command: Any) -> Any:
        """Run a plain command: what a test does behind the scripts' back.

        One for the server, not for a key, is run on every master of a cluster.
        """
        if command[0] not in FOR_SERVERS:
            return await self.lane.command(*command)
        return [await master.command(*command) for master in await self.lane.masters()][-1]

    async def journal(self) -> list[Execution]:
        """Return the journal's records, oldest first."""
        entries = await self.entries()
        return [executions.unpack(raw) for _, entry in entries for raw in executions.split(entry)]

    async def now_ms(self) -> int:
        """Return the server's time, ms since the epoch."""
        seconds, micros = await self.redis("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def length(self, stream: str) -> int:
        """Return the number of entries of a stream such as ``ready:2``."""
        return int(await self.redis("XLEN", self.key(stream)))

    async def token(self) -> int:
        """Return how many wake tokens lie there."""
        return int(await self.redis("LLEN", self.keys.wake(self.queue)))

    async def swallow(self) -> None:
        """Take the wake token and vanish with it."""
        await self.redis("DEL", self.keys.wake(self.queue))

    async def state(self, id_: str) -> dict[str, str]:
        """Return a job's changing fields, with the state that it is in, if there is such a job."""
        live = await self.redis("HGETALL", self.keys.state(self.queue, id_))
        noted = {name.decode(): value.decode(errors="replace") for name, value in live.items()}
        state = (await self.run(self.calls.look(self.queue, id_))).state
        return noted | ({"state": state} if state else {})

    async def exists(self, id_: str) -> bool:
        """Say whether Redis knows anything of a job."""
        keys = (self.keys.job(self.queue, id_), self.keys.state(self.queue, id_))
        return bool(await self.redis("EXISTS", *keys))

    async def counts(self) -> dict[str, int]:
        """Return the counters that are not zero."""
        found = await self.redis("HGETALL", self.keys.counts(self.queue))
        return {name.decode(): int(value) for name, value in found.items() if int(value)}

    async def entries(self, first: str = "-") -> list[tuple[str, bytes]]:
        """Return the journal's entries from one on, each a list of records."""
        rows = await self.redis("XRANGE", self.keys.journal(self.queue), first, "+")
        return [(entry.decode(), fields[1]) for entry, fields in rows]

    async def told(self, worker: str = "w1") -> list[str]:
        """Return the tokens that a worker was told to cancel."""
        found = await self.redis("LRANGE", self.keys.tell(self.queue, worker), 0, -1)
        return [token.decode() for token in found]

    async def occupied(self, scope: str) -> int:
        """Return how many deliveries a limit counts."""
        return int(await self.redis("SCARD", self.keys.scope(self.queue, scope)))

    async def parked(self, scope: str) -> list[str]:
        """Return the jobs that wait for a scope, in their order."""
        found = await self.redis("ZRANGE", self.keys.parked(self.queue, scope), 0, -1)
        return [id_.decode() for id_ in found]

    async def line(self, key: str) -> list[str]:
        """Return who has a lock and who is in line behind, in order."""
        head = await self.redis("GET", self.key(f"lock:{key}"))
        rest = await self.redis("LRANGE", self.key(f"waiting:{key}"), 0, -1)
        return [id_.decode() for id_ in ([head] if head else []) + rest]

    async def value(self, part: str) -> str | None:
        """Return a string key of the queue, such as ``unique:k``."""
        found = await self.redis("GET", self.key(part))
        return None if found is None else found.decode()

    async def marked(self, scope: str) -> bool:
        """Say whether a promotion is to look at a scope."""
        scheduled = self.keys.scheduled(self.queue)
        return await self.redis("ZSCORE", scheduled, f" {scope}") is not None

    async def age(self, scope: str, by_ms: int) -> None:
        """Let time pass for a rate, as if its starts had been earlier."""
        keys = (self.keys.scope(self.queue, scope), self.keys.scheduled(self.queue))
        await self.redis("EVAL", AGE, 2, *keys, by_ms, f" {scope}")
