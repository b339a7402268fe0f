"""What is wrong with keys of a kind: unique keys, locks with their lines, limits, deliveries."""

from collections.abc import Callable, Iterator

import msgspec

from tests.support.queuespace import FOR_EVER, QueueSpace

ENDED = {"succeeded", "dead", "cancelled", "expired"}
STARTED = {"running", "retrying"}
ABLE = {"ready", "running"}  # has its lock, and may occupy limits


def _alive(space: QueueSpace, id_: str) -> bool:
    return id_ in space.records and space.state(id_) not in ENDED


def _unique(space: QueueSpace, key: str) -> Iterator[str]:
    """A key without a time of its own names a living job that asks for it."""
    if space.lifetime(f"unique:{key}") != FOR_EVER:
        return
    [id_] = space.each([f"unique:{key}"], "GET")
    id_ = id_.decode()
    if not _alive(space, id_) or space.asks[id_].unique != key:
        yield f"names {id_!r}, which has ended or never asked for it"


def _idem(space: QueueSpace, key: str) -> Iterator[str]:
    """The same for an idempotency key."""
    if space.lifetime(f"idem:{key}") != FOR_EVER:
        return
    [value] = space.each([f"idem:{key}"], "GET")
    id_ = value.decode().partition(" ")[2]
    if not _alive(space, id_) or space.asks[id_].idem != key:
        yield f"names {id_!r}, which has ended or never asked for it"


def _lock(space: QueueSpace, key: str) -> Iterator[str]:
    """Its holder is able to run, or is kept from it by a limit; nobody else is."""
    [holder] = space.each([f"lock:{key}"], "GET")
    able = [i for i, asks in space.asks.items() if asks.lock == key and _able(space, i)]
    if able != [holder.decode()]:
        yield f"is held by {holder!r}, while {able} may run"


def _able(space: QueueSpace, id_: str) -> bool:
    parked = space.records[id_][0].startswith("parked:")
    return space.state(id_) in ABLE or (parked and _alive(space, id_))


def _line(space: QueueSpace, key: str) -> Iterator[str]:
    """Whoever is in it waits for this lock, once; a lock has a head."""
    line = space.items(f"waiting:{key}")
    if f"lock:{key}" not in space.parts:
        yield "is a line that nobody is at the head of"
    if len(set(line)) < len(line):
        yield f"names jobs twice: {line}"
    waiting = {
        i
        for i, asks in space.asks.items()
        if asks.lock == key and _alive(space, i) and space.records[i][0].startswith("blocked:")
    }
    yield from (f"{i} does not wait for it" for i in set(line) - waiting)
    yield from (f"{i} waits for it elsewhere" for i in waiting - set(line))


def _expiring(space: QueueSpace, _: str) -> Iterator[str]:
    """Only jobs that have not started expire; a deadline goes on until the end."""
    for id_ in sorted(space.members("expiring")):
        if not _alive(space, id_) or (space.state(id_) in STARTED and not _lasts(space, id_)):
            yield f"{id_} can't expire"


def _lasts(space: QueueSpace, id_: str) -> bool:
    asks = space.asks[id_]
    return asks.deadline is not None or asks.deadline_in is not None


def _limit(space: QueueSpace, scope: str) -> Iterator[str]:
    """Only deliveries that run occupy it."""
    tokens = {token.decode() for token in space.do("SMEMBERS", f"limit:{scope}")}
    yield from (f"{token} occupies it and does not run" for token in tokens - space.tokens)


def _rate(space: QueueSpace, scope: str) -> Iterator[str]:
    """It is forgotten when its period is over."""
    if space.lifetime(f"rate:{scope}") == FOR_EVER:
        yield "lives for ever"


def _parked(space: QueueSpace, scope: str) -> Iterator[str]:
    """Whoever is there stands aside; somebody knows of the scope and will look at it."""
    for id_ in sorted(space.members(f"parked:{scope}")):
        if id_ not in space.records or not space.records[id_][0].startswith("parked:"):
            yield f"{id_} does not wait for it"
    if scope not in _scopes(space):
        yield "is in no list of scopes"
    if scope.startswith("rate:") and f" {scope}" not in space.scheduled:
        yield "waits for a rate that nobody will look at"
    if scope.startswith("limit:") and not (scope in space.parts or _leads_on(space, scope)):
        yield "waits for a limit that nobody occupies"


def _leads_on(space: QueueSpace, scope: str) -> bool:
    """Whether somebody will look at the scope: for its marker, or for a job that was let in."""
    [rules] = space.each(["rules"], "GET")
    rule = msgspec.msgpack.decode(rules or b"\x80").get(scope.partition("=")[0])
    places = {i: r[0] for i, r in space.records.items() if _alive(space, i)}
    waiting = {i for i, place in places.items() if place.startswith(("again:", "poison:"))}
    parked = {i for i, place in places.items() if place.startswith("parked:")}
    elsewhere = parked - space.members(f"parked:{scope}")
    marked = f" {scope}" in space.scheduled
    return marked or bool(waiting | elsewhere) or (rule is not None and rule["n"] == 0)


def _listed(space: QueueSpace, _: str) -> Iterator[str]:
    """A scope in the list has jobs that wait for it."""
    parked = set(space.ids("parked:"))
    yield from (f"nobody waits for {scope}" for scope in _scopes(space) - parked)


def _scopes(space: QueueSpace) -> set[str]:
    return {scope.decode() for scope in space.do("SMEMBERS", "scopes")}


def _running(space: QueueSpace, worker: str) -> Iterator[str]:
    """Its worker has a lease; each of its jobs left the stream from which it was taken."""
    if worker not in space.members("leases"):
        yield "its worker has no lease"
    for id_ in space.map(f"running:{worker}"):
        _, stream, entry = space.running[id_]
        if space.records.get(id_, [])[:2] != [stream, entry]:
            yield f"{id_} is not where it says"
        if entry in space.streams.get(stream, {}):
            yield f"{id_} waits still"


def _noted(space: QueueSpace, _: str) -> Iterator[str]:
    """The recorder will remove it with its job."""
    noted = {id_.decode() for id_ in space.do("SMEMBERS", "noted")}
    yield from (f"{id_} is no job" for id_ in noted - set(space.records))


def _taking(_: QueueSpace, __: str) -> Iterator[str]:
    """Every fetch that stopped was followed by another."""
    yield "a fetch stopped, and none came after it"


def _succeeded(space: QueueSpace, _: str) -> Iterator[str]:
    """The recorder will remove it."""
    yield from (f"{id_} will never be recorded" for id_ in set(space.succeeded) - space.ended)


JUDGES: dict[str, Callable[[QueueSpace, str], Iterator[str]]] = {
    "unique:": _unique,
    "idem:": _idem,
    "lock:": _lock,
    "waiting:": _line,
    "expiring": _expiring,
    "limit:": _limit,
    "rate:": _rate,
    "parked:": _parked,
    "scopes": _listed,
    "running:": _running,
    "noted": _noted,
    "taking": _taking,
    "succeeded": _succeeded,
}
"""By the name in keys.py; the part of the key behind it is given."""
