"""Walks over the jobs of a queue that wait or run, page by page, while others go on.

A job that moves meanwhile may be missed, or met twice: who needs every one repeats the walk.
Places come in the order in which jobs leave them: what moves goes to those still to come.
"""

from collections.abc import AsyncIterator

from jobqueue.broker import paging
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
    scopes = await lane.command("SMEMBERS", keys.scopes(queue))
    parked = [keys.parked(queue, scope.decode()) for scope in sorted(scopes)]
    for key in (keys.scheduled(queue), keys.poison(queue), *parked):
        async for page in paging.members(lane, "ZSCAN", key, PAGE):
            # Beside jobs, the schedule has markers of rates: these begin with a space.
            yield [each for each in page if not each.startswith(" ")]
    for worker in await lane.command("ZRANGE", keys.leases(queue), 0, -1):
        running = keys.running(queue, worker.decode())
        async for page in paging.members(lane, "HSCAN", running, PAGE):
            yield page
    for stream in keys.streams(queue):
        async for entries in paging.stream(lane, stream, PAGE):
            yield [job_id.decode() for _, job_id in entries]


async def line(lane: Lane, keys: Keys, queue: str, lock: str) -> AsyncIterator[list[str]]:
    """Yield the ids of the jobs that stand in the line of a lock behind its head, the last first.

    From its end: whoever leaves it in front, or is taken out of a page, moves nobody past us.
    """
    key = keys.line(queue, lock)
    left = await lane.command("LLEN", key)
    while left > 0:
        found = await lane.command("LRANGE", key, max(0, left - PAGE), left - 1)
        yield [each.decode() for each in reversed(found)]
        left -= PAGE
