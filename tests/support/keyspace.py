"""Finds keys that nobody will ever remove and entries that nobody will ever read.

``check(url)`` holds every key against the table in ``broker/keys.py``: its name, its type,
its lifetime or the thing that owns it. The fixtures of ``tests/conftest.py`` call it after
every test. ``miscounted(url)`` holds the counters against the jobs that are there.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing

from jobqueue.broker.keys import QUEUE_KEYS
from jobqueue.broker.lanes import SyncLane
from jobqueue.broker.servers import Server
from tests.support.askspace import JUDGES
from tests.support.queuespace import FOR_EVER, QueueSpace

LIFETIMES = {"1 hour": 3_600_000, "1 minute": 60_000}
DELAYED = {"scheduled", "retrying"}
COUNTED = {"ready", "running", "scheduled", "retrying", "blocked"}


def check(url: str, prefixes: Collection[str] = ("jobqueue",)) -> None:
    """Assert that every key has a lifetime or an owner, and that no stream grows.

    Args:
        url: The server.
        prefixes: Of the installations that may be there; without one the server must be empty.
    """
    with closing(Server(url).sync_lane()) as lane:
        problems = [*_strangers(lane, prefixes)]
        for prefix in prefixes:
            problems += _problems(lane, prefix)
    assert not problems, "left behind:\n" + "\n".join(problems)


def miscounted(url: str, prefix: str = "jobqueue") -> list[str]:
    """Return what is wrong with the counters of jobs that have not ended."""
    with closing(Server(url).sync_lane()) as lane:
        return [text for space in queues(lane, prefix) for text in _miscounted(space)]


def _strangers(lane: SyncLane, prefixes: Collection[str]) -> Iterator[str]:
    parts = r":(\{[^}]+\}:.+|service:.+|queues|services|schedules|paused)"
    known = [re.compile(re.escape(prefix) + parts, re.DOTALL) for prefix in prefixes]
    for key in _keys(lane):
        if not any(pattern.fullmatch(key) for pattern in known):
            yield f"{key}: no such key in keys.py"


def _problems(lane: SyncLane, prefix: str) -> Iterator[str]:
    for key in _keys(lane):
        if key.startswith(f"{prefix}:service:") and lane.command("PTTL", key) == FOR_EVER:
            yield f"{key}: lives for ever"
    for space in queues(lane, prefix):
        yield from _left(space)


def _keys(lane: SyncLane) -> list[str]:
    found = set()
    for master in lane.masters():
        cursor: int | None = 0
        while cursor is not None:
            following, keys = master.command("SCAN", cursor, "COUNT", 1000)
            found |= {key.decode() for key in keys}
            cursor = int(following) or None
    return sorted(found)


def queues(lane: SyncLane, prefix: str) -> list[QueueSpace]:
    """Return what is in each queue."""
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for key in _keys(lane):
        if match := re.match(rf"({prefix}:\{{[^}}]+\}}:)(.+)", key, re.DOTALL):
            parts[match[1]].append(match[2])
    return [QueueSpace(lane, base, names) for base, names in parts.items()]


def _documented(part: str) -> str | None:
    """Return the name in keys.py that covers a key."""
    covering = [n for n in QUEUE_KEYS if part == n or (n.endswith(":") and part.startswith(n))]
    return max(covering, key=len, default=None)


def _left(space: QueueSpace) -> Iterator[str]:
    for part in space.parts:
        yield from (f"{space.base}{part}: {text}" for text in _judge(space, part))
    for stream in sorted(space.streams):
        yield from (f"{space.base}{stream}: {text}" for text in _judge_stream(space, stream))


def _miscounted(space: QueueSpace) -> list[str]:
    fields = space.map("counts")
    found = Counter({k: int(v) for k, v in fields.items() if k.split(":")[0] in COUNTED})
    truth = Counter(f"{space.state(i)}:{space.records[i][3]}" for i in space.records)
    truth = Counter({k: n for k, n in truth.items() if k.split(":")[0] in COUNTED})
    differ = {k: (found[k], truth[k]) for k in found | truth if found[k] != truth[k]}
    return [f"{space.base}counts {k}: {n} instead of {m}" for k, (n, m) in differ.items()]


def _judge(space: QueueSpace, part: str) -> Iterator[str]:
    name = _documented(part)
    if name is None:
        yield "no such key in keys.py"
        return
    kind, owner = QUEUE_KEYS[name]
    if not kind.startswith(space.types[part]):
        yield f"is a {space.types[part]}, not a {kind}"
    if owner in LIFETIMES and not FOR_EVER < space.lifetime(part) <= LIFETIMES[owner]:
        yield f"has no lifetime of {owner}"
    if name in {"wake", "wake:due"} and space.do("LLEN", part) > 1:
        yield "holds more than one token"
    if name == "job:":
        yield from _judge_job(space, part.removeprefix(name))
    if name == "state:" and space.lifetime(part) == FOR_EVER:
        yield from _judge_state(space, part.removeprefix(name))
    if name == "scheduled":
        jobs = {i for i in space.scheduled if not i.startswith(" ")}
        yield from (f"{i} has no record" for i in jobs - set(space.records))
    if name in JUDGES:
        yield from JUDGES[name](space, part.removeprefix(name))


def _judge_job(space: QueueSpace, id_: str) -> Iterator[str]:
    if not (_waits(space, id_) or id_ in space.running or id_ in space.ended):
        yield f"nothing will ever run or remove it ({space.records[id_][:2]})"


def _judge_state(space: QueueSpace, id_: str) -> Iterator[str]:
    if id_ not in space.records:
        yield "its job is gone and it lives for ever"


def _judge_stream(space: QueueSpace, stream: str) -> Iterator[str]:
    if stream != "journal":
        return
    groups = {g[b"name"].decode(): g for g in space.do("XINFO", "GROUPS", stream)}
    if "recorder" not in groups:
        return
    last = _stamp(groups["recorder"][b"last-delivered-id"].decode())
    pending = space.pending(stream, "recorder")
    read = [e for e in space.streams[stream] if _stamp(e) <= last]
    yield from (f"entry {e} was read and stays" for e in read if e not in pending)
    yield from (f"entry {e} is owned and gone" for e in set(pending) - set(read))


def _waits(space: QueueSpace, id_: str) -> bool:
    """Whether something leads to the job: an entry that it names, a due time, a line, a limit."""
    place, entry = space.records[id_][:2]
    kind = place.partition(":")[0]
    if space.streams.get(place, {}).get(entry) == id_:
        return True
    if kind == "poison":
        return id_ in space.members("poison")
    if kind == "blocked":
        return id_ in space.items(f"waiting:{space.asks[id_].lock}")
    if kind == "parked":
        return any(id_ in space.members(f"parked:{scope}") for scope in space.ids("parked:"))
    return id_ in space.scheduled and (kind == "scheduled" or space.state(id_) in DELAYED)


def _stamp(entry: str) -> tuple[int, ...]:
    return tuple(map(int, entry.split("-")))
