"""Asks servers and queues how they are, for an examination. Nothing here changes anything."""

import asyncio
from collections.abc import Sequence
from statistics import median
from time import monotonic, time

from jobqueue.broker.facts import OLDEST, fields, now_ms, parts
from jobqueue.broker.journal import GROUP
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain.checkup.facts import LeaseFacts, QueueFacts, ReaderFacts, RedisFacts
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, JobQueueError
from jobqueue.domain.views import QueueView

ROUNDS = 5  # round trips, of which the median counts


async def servers(lane: Lane) -> tuple[list[RedisFacts], list[str]]:
    """Return what each server with keys is, and why others could not be asked.

    Args:
        lane: Any free lane.
    """
    try:
        masters = await lane.masters()
    except (BrokerUnavailable, BrokerError) as error:
        return [], [str(error)]
    asked = (_server(each, several=lane.apart) for each in masters)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found = [each for each in answers if isinstance(each, RedisFacts)]
    problems = [each for each in answers if isinstance(each, BaseException)]
    for problem in problems:
        if not isinstance(problem, JobQueueError):
            raise problem
    return found, list(map(str, problems))


async def _server(lane: Lane, *, several: bool) -> RedisFacts:
    info = fields(await lane.command("INFO"))
    flavour = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "0")
    oldest = OLDEST[flavour]
    latency, offset = await _clock(lane)
    aof = info.get("aof_enabled")
    return RedisFacts(
        place=await _address(lane) if several else "",
        flavour=flavour,
        version=version,
        supported=".".join(map(str, oldest)) if parts(version) < oldest else None,
        master=info.get("role") != "slave",
        policy=info.get("maxmemory_policy"),
        aof=None if aof is None else aof == "1",
        fsync=await _fsync(lane),
        writes=_writes(info),
        used_memory=int(info.get("used_memory", 0)),
        maxmemory=int(info.get("maxmemory", 0)),
        system_memory=int(info.get("total_system_memory", 0)),
        latency=latency,
        offset=offset,
    )


async def _address(lane: Lane) -> str:
    """Return the address of a node, as the cluster knows it."""
    known = (await lane.command("CLUSTER", "NODES")).decode()
    mine = next(line for line in known.splitlines() if "myself" in line)
    return str(mine.split()[1].partition("@")[0])


def _writes(info: dict[str, str]) -> bool:
    said = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    return all(info.get(each, "ok") == "ok" for each in said)


async def _fsync(lane: Lane) -> str | None:
    try:
        answer = await lane.command("CONFIG", "GET", "appendfsync")
    except BrokerError:  # a hosted server that does not say
        return None
    return next((value.decode() for value in answer.values()), None)


async def _clock(lane: Lane) -> tuple[float, float]:
    """Return the median of some round trips, and how far the server's clock is ahead of ours."""
    trips, offsets = [], []
    for _ in range(ROUNDS):
        began, ours = monotonic(), time()
        seconds, micros = await lane.command("TIME")
        trips.append(monotonic() - began)
        # The answer was made half way.
        offsets.append(int(seconds) + int(micros) / 1e6 - ours - trips[-1] / 2)
    return median(trips), median(offsets)


async def queue(lane: Lane, keys: Keys, view: QueueView, places: Sequence[str]) -> QueueFacts:
    """Return what an examination looks at of one queue.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        view: Its counts.
        places: Its partitions, or itself.
    """
    found = [await _place(lane, keys, place) for place in places]
    ages = [age for _, age, _, _ in found if age is not None]
    return QueueFacts(
        view=view,
        journal_bytes=max((size for size, _, _, _ in found), default=0),
        journal_age=max(ages, default=None),
        leases=[each for _, _, leases, _ in found for each in leases],
        readers=[each for _, _, _, readers in found for each in readers],
    )


async def _place(
    lane: Lane, keys: Keys, place: str
) -> tuple[int, float | None, list[LeaseFacts], list[ReaderFacts]]:
    clock, size, first, leases = await lane.commands(
        [
            ("TIME",),
            ("GET", keys.journal_size(place)),
            ("XRANGE", keys.journal(place), "-", "+", "COUNT", 1),
            ("ZRANGE", keys.leases(place), 0, -1, "WITHSCORES"),
        ]
    )
    at_ms = now_ms(clock)
    age = (at_ms - int(first[0][0].partition(b"-")[0])) / 1000 if first else None
    workers = [(worker.decode(), float(until)) for worker, until in leases]
    held = [("HLEN", keys.running(place, worker)) for worker, _ in workers]
    jobs = await lane.commands(held) if held else []
    found = [
        LeaseFacts(worker=worker, ended=(at_ms - until) / 1000, jobs=n)
        for (worker, until), n in zip(workers, jobs, strict=True)
    ]
    return int(size or 0), age, found, await _readers(lane, keys.journal(place))


async def _readers(lane: Lane, journal: str) -> list[ReaderFacts]:
    try:
        found = await lane.command("XINFO", "CONSUMERS", journal, GROUP)
    except BrokerError as error:
        if "NOGROUP" not in str(error) and "no such key" not in str(error):
            raise
        return []  # nobody has read it yet
    return [
        ReaderFacts(
            recorder=each[b"name"].decode(), entries=each[b"pending"], silent=each[b"idle"] / 1000
        )
        for each in found
    ]
