"""Finds keys that nobody will ever remove and entries that nobody will ever read.

``check(url)`` after a test holds every key against the table in ``broker/keys.py``: its
name, its type, its lifetime or the thing that owns it. ``miscounted(url)`` holds the
counters against the jobs that are there.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from jobqueue.broker.keys import QUEUE_KEYS
from jobqueue.broker.lanes import Server, SyncLane
from jobqueue.domain import executions

ENDED = {"succeeded", "dead", "cancelled", "expired"}
LIFETIMES = {"1 hour": 3_600_000, "1 minute": 60_000}
EACH = """local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call(ARGV[1], key, unpack(ARGV, 2)) end
return found"""
FOR_EVER = -1  # what PTTL answers; -2 is a key that has just gone
DELAYED = {"scheduled", "retrying"}
STATES = {"scheduled": "scheduled", "blocked": "blocked", "parked": "blocked"}
COUNTED = {"ready", "running", "scheduled", "retrying", "blocked"}


def check(url: str, prefix: str = "jobqueue") -> None:
    """Assert that every key has a lifetime or an owner, and that no stream grows."""
    with closing(Server(url).sync_lane()) as lane:
        problems = list(_problems(lane, prefix))
    assert not problems, "left behind:\n" + "\n".join(problems)


def miscounted(url: str, prefix: str = "jobqueue") -> list[str]:
    """Return what is wrong with the counters of jobs that have not ended."""
    with closing(Server(url).sync_lane()) as lane:
        return [text for space in _queues(lane, prefix) for text in space.miscounted()]


def _problems(lane: SyncLane, prefix: str) -> Iterator[str]:
    for key in _keys(lane):
        if not re.fullmatch(rf"{prefix}:(\{{[^}}]+\}}:.+|service:.+|queues|services)", key):
            yield f"{key}: no such key in keys.py"
        elif key.startswith(f"{prefix}:service:") and lane.command("PTTL", key) == FOR_EVER:
            yield f"{key}: lives for ever"
    for space in _queues(lane, prefix):
        yield from space.problems()


def _keys(lane: SyncLane) -> list[str]:
    found, cursor = set(), "0"
    while True:
        cursor, keys = lane.command("SCAN", cursor, "COUNT", 1000)
        found |= {key.decode() for key in keys}
        if int(cursor) == 0:
            return sorted(found)


def _queues(lane: SyncLane, prefix: str) -> list["QueueSpace"]:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for key in _keys(lane):
        if match := re.match(rf"({prefix}:\{{[^}}]+\}}:)(.+)", key, re.DOTALL):
            parts[match[1]].append(match[2])
    return [QueueSpace(lane, base, names) for base, names in parts.items()]


def _documented(part: str) -> str | None:
    """Return the name in keys.py that covers a key."""
    covering = [n for n in QUEUE_KEYS if part == n or (n.endswith(":") and part.startswith(n))]
    return max(covering, key=len, default=None)


@dataclass
class QueueSpace:
    """Every key of one queue; ``base`` is what their names begin with."""

    lane: SyncLane
    base: str
    parts: list[str]

    def problems(self) -> Iterator[str]:
        """Yield what nobody owns, in words."""
        for part in self.parts:
            yield from (f"{self.base}{part}: {text}" for text in self._judge(part))
        for stream in sorted(self._streams):
            yield from (f"{self.base}{stream}: {text}" for text in self._judge_stream(stream))

    def miscounted(self) -> list[str]:
        """Return counters that do not say how many jobs there are."""
        fields = self._map("counts")
        found = Counter({k: int(v) for k, v in fields.items() if k.split(":")[0] in COUNTED})
        truth = Counter(f"{self._state(i)}:{self._records[i][3]}" for i in self._records)
        truth = Counter({k: n for k, n in truth.items() if k.split(":")[0] in COUNTED})
        differ = {k: (found[k], truth[k]) for k in found | truth if found[k] != truth[k]}
        return [f"{self.base}counts {k}: {n} instead of {m}" for k, (n, m) in differ.items()]

    def _judge(self, part: str) -> Iterator[str]:
        name = _documented(part)
        if name is None:
            yield "no such key in keys.py"
            return
        kind, owner = QUEUE_KEYS[name]
        if not kind.startswith(self._types[part]):
            yield f"is a {self._types[part]}, not a {kind}"
        if owner in LIFETIMES and not FOR_EVER < self._lifetime(part) <= LIFETIMES[owner]:
            yield f"has no lifetime of {owner}"
        if name in {"wake", "wake:due"} and self._do("LLEN", part) > 1:
            yield "holds more than one token"
        if name == "job:":
            yield from self._judge_job(part.removeprefix(name))
        if name == "state:":
            yield from self._judge_state(part, part.removeprefix(name))
        if part in {"scheduled", "expiring"}:
            jobs = {i for i in self._members(part) if not i.startswith(" ")}
            yield from (f"{i} has no record" for i in jobs - set(self._records))
        if name in {"unique:", "idem:"} and self._lifetime(part) == FOR_EVER:
            yield from self._judge_key(part)
        if name == "lock:":
            yield from self._judge_lock(part)
        if name == "waiting:" and f"lock:{part.removeprefix(name)}" not in self.parts:
            yield "is a line that nobody is at the head of"
        if name == "limit:":
            tokens = {t.decode() for t in self._do("SMEMBERS", part)}
            yield from (f"{t} occupies it and does not run" for t in tokens - self._tokens)

    def _judge_job(self, id_: str) -> Iterator[str]:
        if not (self._waits(id_) or id_ in self._ended):
            yield f"nothing will ever run or remove it ({self._records[id_][:2]})"

    def _judge_state(self, part: str, id_: str) -> Iterator[str]:
        if id_ not in self._records and self._lifetime(part) == FOR_EVER:
            yield "its job is gone and it lives for ever"

    def _judge_key(self, part: str) -> Iterator[str]:
        id_ = _text(self._do("GET", part)).rpartition(" ")[2]
        if id_ not in self._records or self._state(id_) in ENDED:
            yield f"names {id_}, which has ended or never was"

    def _judge_lock(self, part: str) -> Iterator[str]:
        id_ = _text(self._do("GET", part))
        if id_ not in self._records or self._state(id_) not in {"ready", "running", "blocked"}:
            yield f"is held by {id_}, which does not need it"

    def _judge_stream(self, stream: str) -> Iterator[str]:
        group = "recorder" if stream == "journal" else "workers"
        groups = {g[b"name"].decode(): g for g in self._do("XINFO", "GROUPS", stream)}
        if group not in groups:
            return
        last = _stamp(groups[group][b"last-delivered-id"].decode())
        pending = self._pending(stream, group)
        read = [e for e in self._streams[stream] if _stamp(e) <= last]
        yield from (f"entry {e} was read and stays" for e in read if e not in pending)
        yield from (f"entry {e} is owned and gone" for e in set(pending) - set(read))
        if group == "workers":
            yield from self._judge_consumers(stream, set(pending.values()))

    def _judge_consumers(self, stream: str, busy: set[str]) -> Iterator[str]:
        names = {c[b"name"].decode() for c in self._do("XINFO", "CONSUMERS", stream, "workers")}
        leases = self._members("leases")
        yield from (f"{w} owns entries and has no lease" for w in sorted(busy - leases))
        yield from (f"nobody will delete the consumer {w}" for w in sorted(names - leases - busy))

    def _waits(self, id_: str) -> bool:
        """Whether something leads to the job: an entry that it names, or a due time."""
        place, entry = self._records[id_][:2]
        if self._streams.get(place, {}).get(entry) == id_:
            return True
        if place.startswith("poison"):
            return id_ in self._members("poison")
        if place.startswith("blocked"):
            return any(
                id_ in map(_text, self._do("LRANGE", line, 0, -1))
                for line in self.parts
                if line.startswith("waiting:")
            )
        if place.startswith("parked"):
            zsets = [part for part in self.parts if part.startswith("parked:")]
            return any(id_ in self._members(zset) for zset in zsets)
        return id_ in self._scheduled and (
            place.startswith("scheduled") or self._state(id_) in DELAYED
        )

    def _state(self, id_: str) -> str:
        place = self._records[id_][0].partition(":")[0]
        return self._states.get(id_) or STATES.get(place, "ready")

    def _ids(self, kind: str) -> list[str]:
        return [part.removeprefix(kind) for part in self.parts if part.startswith(kind)]

    @cached_property
    def _records(self) -> dict[str, list[Any]]:
        jobs = self._ids("job:")
        raws = zip(jobs, self._each([f"job:{id_}" for id_ in jobs], "GET"), strict=True)
        # A record is msgpack without a frame; b"\x96" in front makes it an array of six.
        return {id_: msgspec.msgpack.decode(b"\x96" + raw) for id_, raw in raws}

    @cached_property
    def _states(self) -> dict[str, str]:
        jobs = self._ids("state:")
        states = self._each([f"state:{id_}" for id_ in jobs], "HGET", "state")
        return {id_: _text(state) for id_, state in zip(jobs, states, strict=True) if state}

    @cached_property
    def _tokens(self) -> set[str]:
        """Tokens of the deliveries that run."""
        jobs = [id_ for id_ in self._ids("state:") if self._states.get(id_) == "running"]
        return {_text(t) for t in self._each([f"state:{i}" for i in jobs], "HGET", "token")}

    @cached_property
    def _types(self) -> dict[str, str]:
        kinds = map(_text, self._each(self.parts, "TYPE"))
        named = {"zset": "sorted set"}
        return {p: named.get(kind, kind) for p, kind in zip(self.parts, kinds, strict=True)}

    @cached_property
    def _lifetimes(self) -> dict[str, int]:
        found = self._each(self.parts, "PTTL")
        return dict(zip(self.parts, found, strict=True))

    def _lifetime(self, part: str) -> int:
        """Return what is left of a key's life in ms; 0 when it has just ended."""
        left = self._lifetimes[part]
        return left if left >= FOR_EVER else 0

    @cached_property
    def _streams(self) -> dict[str, dict[str, str]]:
        """Entries of every stream that workers or recorders read, with the id in them."""
        names = [p for p in self.parts if p == "journal" or p.startswith(("ready:", "again:"))]
        rows = {name: self._do("XRANGE", name, "-", "+") for name in names}
        return {
            name: {entry.decode(): _text(fields[1]) for entry, fields in found}
            for name, found in rows.items()
        }

    @cached_property
    def _scheduled(self) -> set[str]:
        return self._members("scheduled")

    def _members(self, part: str) -> set[str]:
        return {member.decode() for member in self._do("ZRANGE", part, 0, -1)}

    @cached_property
    def _ended(self) -> set[str]:
        """Jobs that the recorder will remove: their last record is still in the journal."""
        rows = self._do("XRANGE", "journal", "-", "+")
        records = [executions.unpack(fields[1]) for _, fields in rows]
        return {record.job_id for record in records if record.final}

    def _pending(self, stream: str, group: str) -> dict[str, str]:
        rows = self._do("XPENDING", stream, group, "-", "+", 1_000_000)
        return {entry.decode(): owner.decode() for entry, owner, *_ in rows}

    def _map(self, part: str) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self._do("HGETALL", part).items()}

    def _do(self, command: str, *args: Any) -> Any:
        """Run a command on a key of this queue; it comes first, or after a subcommand."""
        words = [command, args[0]] if command == "XINFO" else [command]
        part, *rest = args[len(words) - 1 :]
        return self.lane.command(*words, f"{self.base}{part}", *rest)

    def _each(self, parts: Sequence[str], command: str, *args: str) -> list[Any]:
        """Run one command on many keys, a thousand in a round trip."""
        found: list[Any] = []
        for first in range(0, len(parts), 1000):
            keys = [f"{self.base}{part}" for part in parts[first : first + 1000]]
            found += self.lane.command("EVAL", EACH, len(keys), *keys, command, *args)
        return found


def _stamp(entry: str) -> tuple[int, ...]:
    return tuple(map(int, entry.split("-")))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
