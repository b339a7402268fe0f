"""Walks over the jobs of a queue that wait or run, page by page, while others go on.

A job that moves meanwhile may be missed, or met twice: who needs every one repeats the walk.
Places come in the order in which jobs leave them: what moves goes to those still to come.
"""

from collections.abc import AsyncIterator, Sequence

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane

PAGE = 500  # ids in one answer, about


async def pages(lane: Lane, keys: Keys, queue: str) -> AsyncIterator[list[str]]:
    """Yield the ids of jobs in the places of a queue; not those in the line of a lock.

    Args:
        lane: Nobody else uses it meanwhile.
        keys: Names of the installation's keys.
        queue: The queue, or the partition.
    """
    scopes = await lane.command("SMEMBERS", keys.scope(queue, "scopes"))
    parked = [keys.parked(queue, scope.decode()) for scope in sorted(scopes)]
    for key in (keys.scheduled(queue), keys.poison(queue), *parked):
        async for page in _scan(lane, "ZSCAN", key):
            # Beside jobs, the schedule has markers of rates: these begin with a space.
            yield [each for each in page if not each.startswith(" ")]
    for worker in await lane.command("ZRANGE", keys.leases(queue), 0, -1):
        async for page in _scan(lane, "HSCAN", keys.running(queue, worker.decode())):
            yield page
    for stream in keys.streams(queue):
        async for page in _stream(lane, stream):
            yield page


async def line(lane: Lane, keys: Keys, queue: str, lock: str) -> list[str]:
    """Return the ids of the jobs that stand in the line of a lock, behind its head."""
    found = await lane.command("LRANGE", keys.scope(queue, f"waiting:{lock}"), 0, -1)
    return [each.decode() for each in found]


async def _scan(lane: Lane, command: str, key: str) -> AsyncIterator[list[str]]:
    cursor = 0
    while True:
        following, pairs = await lane.command(command, key, cursor, "COUNT", PAGE)
        yield [each.decode() for each in pairs[::2]]
        cursor = int(following)
        if not cursor:
            return


async def _stream(lane: Lane, key: str) -> AsyncIterator[list[str]]:
    begin = "-"
    while True:
        rows: Sequence[tuple[bytes, list[bytes]]] = await lane.command(
            "XRANGE", key, begin, "+", "COUNT", PAGE
        )
        yield [fields[1].decode() for _, fields in rows]
        if len(rows) < PAGE:
            return
        begin = f"({rows[-1][0].decode()}"
