"""Counts the ready jobs that come before one; for people, and nothing here changes anything.

A stream can't say at which place an entry stands, so those before it are counted page by page: no
page keeps Redis from its work for longer than a fetch does.
"""

import msgspec

from jobqueue.broker import paging
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain.standing import Standing

PAGE = 1_000
MOST = 100_000  # entries that are counted one by one


class Ahead(msgspec.Struct, frozen=True):
    """How many jobs were counted, and whether there are more."""

    jobs: int
    more: bool = False


async def count(lane: Lane, keys: Keys, queue: str, at: Standing) -> Ahead:
    """Return how many ready jobs workers take before one that is ready.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        queue: Its queue, or its partition.
        at: Where it stands.
    """
    streams, own = keys.streams(queue), f"{keys.base(queue)}{at.place}"
    if own not in streams:
        return Ahead(0)  # it is kept back, and stands in no line
    before = streams[: streams.index(own)]
    lengths = await lane.commands([("XLEN", stream) for stream in before]) if before else []
    counted = sum(lengths)
    most = counted + MOST
    async for entries in paging.stream(lane, own, PAGE, last=f"({at.entry}"):
        counted += len(entries)
        if counted >= most:
            return Ahead(counted, more=True)
    return Ahead(counted)
