"""Walks over the jobs of a queue, part by part, from any place on: pages of a list for people.

A walk yields ids with the place behind each, so that the next page can go on there. What moves
meanwhile may be met twice or not at all; nothing is changed, and no answer is long.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from jobqueue.broker import paging
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane

BATCH = 200  # ids in one answer
ENTRIES = 10  # of a journal, each with up to a thousand records

Place = list[Any]
Met = tuple[str, Place]  # an id, and the place behind it
Walk = Callable[[Lane, Keys, str, Place], AsyncIterator[list[Met]]]


async def running(lane: Lane, keys: Keys, queue: str, place: Place) -> AsyncIterator[list[Met]]:
    """Yield what workers run, in the order in which it was handed out."""
    workers = await lane.command("ZRANGE", keys.leases(queue), 0, -1)
    deliveries = [
        (token, job_id)
        for worker in workers
        for job_id, token in (await held(lane, keys, queue, worker.decode())).items()
    ]
    left = sorted(each for each in deliveries if not place or each[0] > place[0])
    for first in range(0, len(left), BATCH):
        yield [(job_id, [token]) for token, job_id in left[first : first + BATCH]]


async def ready(lane: Lane, keys: Keys, queue: str, place: Place) -> AsyncIterator[list[Met]]:
    """Yield what is ready in the order of reading, then what is kept back on its last life."""
    streams = keys.streams(queue)
    number, entry = (place[0], place[1:]) if place else (0, [])
    for n in range(number, len(streams)):
        first = f"({entry[0]}" if entry and n == number else "-"
        async for entries in paging.stream(lane, streams[n], BATCH, first):
            yield [(job_id.decode(), [n, each]) for each, job_id in entries]
    after = entry if number == len(streams) else []
    async for rows in _sorted(lane, keys.poison(queue), after):
        yield [(job_id, [len(streams), *behind]) for job_id, behind in rows]


async def blocked(lane: Lane, keys: Keys, queue: str, place: Place) -> AsyncIterator[list[Met]]:
    """Yield what stands aside for limits, by limit, then the lines of locks, by key."""
    kind, name, *rest = place or ["limit", ""]
    found = await lane.command("SMEMBERS", keys.scopes(queue))
    scopes = sorted(each.decode() for each in found)
    if kind == "limit":
        for scope in (each for each in scopes if each >= name):
            after = rest if scope == name else []
            async for rows in _sorted(lane, keys.parked(queue, scope), after):
                yield [(job_id, ["limit", scope, *behind]) for job_id, behind in rows]
        name, rest = "", []
    locks = await _locks(lane, keys, queue) if await _in_line(lane, keys, queue, scopes) else ()
    for lock in sorted(each for each in locks if each >= name):
        first = rest[0] if rest and lock == name else 0
        ids = await lane.command("LRANGE", keys.line(queue, lock), first, -1)
        for at in range(0, len(ids), BATCH):
            some = enumerate(ids[at : at + BATCH], start=first + at + 1)
            yield [(job_id.decode(), ["lock", lock, behind]) for behind, job_id in some]


async def scheduled(lane: Lane, keys: Keys, queue: str, place: Place) -> AsyncIterator[list[Met]]:
    """Yield what waits for a time, in the order of their times."""
    async for rows in _sorted(lane, keys.scheduled(queue), place):
        # Rates that refill stand there too; their names begin with a space.
        yield [each for each in rows if not each[0].startswith(" ")]


async def journal(
    lane: Lane, keys: Keys, queue: str, before: str | None
) -> AsyncIterator[list[paging.Entry]]:
    """Yield entries that no recorder has taken yet, the latest first.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        queue: The queue, or the partition.
        before: The entry to begin with, and go back from; None begins with the latest.
    """
    key = keys.journal(queue)
    async for entries in paging.stream(lane, key, ENTRIES, before or "+", "-", back=True):
        yield entries


async def held(lane: Lane, keys: Keys, queue: str, worker: str) -> dict[str, str]:
    """Return the deliveries that a worker has of a queue: their tokens, by job."""
    found = await lane.command("HGETALL", keys.running(queue, worker))
    return {job_id.decode(): token[:36].decode() for job_id, token in found.items()}


async def _sorted(lane: Lane, key: str, after: Place) -> AsyncIterator[list[Met]]:
    """Yield members by score; a place is a score and how many of that score were met."""
    score, met = after or ["-inf", 0]
    while True:
        command = ("ZRANGE", key, score, "+inf", "BYSCORE", "LIMIT", met, BATCH, "WITHSCORES")
        rows = await lane.command(*command)
        found = []
        for member, at in rows:
            met = met + 1 if at == score else 1
            score = at
            found.append((member.decode(), [score, met]))
        yield found
        if len(rows) < BATCH:
            return


async def _in_line(lane: Lane, keys: Keys, queue: str, scopes: Sequence[str]) -> bool:
    """Say whether more jobs are blocked than stand aside for limits."""
    counts, *parked = await lane.commands(
        [("HGETALL", keys.counts(queue)), *(("ZCARD", keys.parked(queue, s)) for s in scopes)]
    )
    blocked = sum(int(n) for field, n in counts.items() if field.startswith(b"blocked:"))
    return bool(blocked != sum(parked))


async def _locks(lane: Lane, keys: Keys, queue: str) -> set[str]:
    """Return the keys of all lines; nothing lists them, so all names on the server are walked."""
    begin, found = keys.line(queue, ""), set[str]()
    async for names in paging.names(lane, paging.beginning(begin)):
        found |= {name.removeprefix(begin) for name in names}
    return found
