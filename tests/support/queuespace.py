"""Everything that is in the keys of one queue, each part read once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from jobqueue.broker.lanes import SyncLane
from jobqueue.domain import executions
from jobqueue.domain.jobs import Asks

EACH = """local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call(ARGV[1], key, unpack(ARGV, 2)) end
return found"""
FOR_EVER = -1  # what PTTL answers; -2 is a key that has just gone
STATES = {"scheduled": "scheduled", "blocked": "blocked", "parked": "blocked"}
ASKS = 2  # the flag of a record whose spec asks for something


@dataclass
class QueueSpace:
    """Every key of one queue; ``base`` is what their names begin with."""

    lane: SyncLane
    base: str
    parts: list[str]
    _sets: dict[str, set[str]] = field(default_factory=dict)
    _lists: dict[str, list[str]] = field(default_factory=dict)
    _ids: dict[str, list[str]] = field(default_factory=dict)

    def state(self, id_: str) -> str:
        """Return a job's state: by its fields, or by where it is."""
        place, entry = self.records[id_][:2]
        noted = self.states.get(id_, "ready")
        if noted != "ready":
            return noted
        if id_ in self.succeeded:
            return "succeeded"
        seems = STATES.get(place.partition(":")[0], "ready")
        gone = entry != "-" and entry not in self.streams.get(place, {})
        return "running" if seems == "ready" and gone and id_ in self.running else seems

    def ids(self, kind: str) -> list[str]:
        """Return what stands behind a kind of key."""
        if kind not in self._ids:
            self._ids[kind] = [p.removeprefix(kind) for p in self.parts if p.startswith(kind)]
        return self._ids[kind]

    @cached_property
    def records(self) -> dict[str, list[Any]]:
        """Place, entry, flags, name, enqueued ms and spec of every job."""
        jobs = self.ids("job:")
        raws = zip(jobs, self.each([f"job:{id_}" for id_ in jobs], "GET"), strict=True)
        # A record is msgpack without a frame; b"\x96" in front makes it an array of six.
        return {id_: msgspec.msgpack.decode(b"\x96" + raw) for id_, raw in raws}

    @cached_property
    def states(self) -> dict[str, str]:
        """What the state hash says, for the jobs that have one."""
        jobs = self.ids("state:")
        states = self.each([f"state:{id_}" for id_ in jobs], "HGET", "state")
        return {id_: text(state) for id_, state in zip(jobs, states, strict=True) if state}

    @cached_property
    def tokens(self) -> set[str]:
        """Tokens of the deliveries that run."""
        return {token for token, _, _ in self.running.values()}

    @cached_property
    def running(self) -> dict[str, tuple[str, str, str]]:
        """Token, stream and entry of every delivery, by job, as the workers' hashes have them."""
        return {
            id_: (line[:36], line[36:43], line[43:].strip())
            for worker in self.ids("running:")
            for id_, line in self.map(f"running:{worker}").items()
        }

    @cached_property
    def succeeded(self) -> dict[str, str]:
        """The execution that ended each job which left nothing but its record."""
        return self.map("succeeded")

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of every key, in the words of keys.py."""
        kinds = map(text, self.each(self.parts, "TYPE"))
        named = {"zset": "sorted set"}
        return {p: named.get(kind, kind) for p, kind in zip(self.parts, kinds, strict=True)}

    @cached_property
    def lifetimes(self) -> dict[str, int]:
        """What is left of the life of every key, in ms."""
        found = self.each(self.parts, "PTTL")
        return dict(zip(self.parts, found, strict=True))

    def lifetime(self, part: str) -> int:
        """Return what is left of a key's life in ms; 0 when it has just ended."""
        left = self.lifetimes[part]
        return left if left >= FOR_EVER else 0

    @cached_property
    def streams(self) -> dict[str, dict[str, str]]:
        """Entries of every stream that workers or recorders read, with the id in them."""
        names = [p for p in self.parts if p == "journal" or p.startswith(("ready:", "again:"))]
        rows = {name: self.do("XRANGE", name, "-", "+") for name in names}
        return {
            name: {entry.decode(): text(fields[1]) for entry, fields in found}
            for name, found in rows.items()
        }

    @cached_property
    def scheduled(self) -> set[str]:
        """Jobs and markers that have a due time."""
        return self.members("scheduled")

    def members(self, part: str) -> set[str]:
        """Return the members of a sorted set."""
        if part not in self._sets:
            self._sets[part] = {member.decode() for member in self.do("ZRANGE", part, 0, -1)}
        return self._sets[part]

    @cached_property
    def ended(self) -> set[str]:
        """Jobs that the recorder will remove: their last record is still in the journal."""
        rows = self.do("XRANGE", "journal", "-", "+")
        raws = [raw for _, fields in rows for raw in executions.split(fields[1])]
        records = [executions.unpack(raw) for raw in raws]
        return {record.job_id for record in records if record.final}

    @cached_property
    def asks(self) -> dict[str, Asks]:
        """What each job asks for that asks for anything."""
        specs = {i: record[5] for i, record in self.records.items() if record[2] & ASKS}
        return {i: msgspec.convert(spec[1], Asks) for i, spec in specs.items()}

    def pending(self, stream: str, group: str) -> dict[str, str]:
        """Return the owners of the entries that were read."""
        rows = self.do("XPENDING", stream, group, "-", "+", 1_000_000)
        return {entry.decode(): owner.decode() for entry, owner, *_ in rows}

    def items(self, part: str) -> list[str]:
        """Return a list."""
        if part not in self._lists:
            self._lists[part] = [text(item) for item in self.do("LRANGE", part, 0, -1)]
        return self._lists[part]

    def map(self, part: str) -> dict[str, str]:
        """Return a hash."""
        return {k.decode(): v.decode() for k, v in self.do("HGETALL", part).items()}

    def do(self, command: str, *args: Any) -> Any:
        """Run a command on a key of this queue; it comes first, or after a subcommand."""
        words = [command, args[0]] if command == "XINFO" else [command]
        part, *rest = args[len(words) - 1 :]
        return self.lane.command(*words, f"{self.base}{part}", *rest)

    def each(self, parts: Sequence[str], command: str, *args: str) -> list[Any]:
        """Run one command on many keys, a thousand in a round trip."""
        found: list[Any] = []
        for first in range(0, len(parts), 1000):
            keys = [f"{self.base}{part}" for part in parts[first : first + 1000]]
            found += self.lane.command("EVAL", EACH, len(keys), *keys, command, *args)
        return found


def text(value: Any) -> str:
    """Return what Redis gave as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
