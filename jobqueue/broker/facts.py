"""Asks a server what it is, once, when a service starts."""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import BrokerUnavailable, ConfigurationError

GIB = 1024**3
OLDEST = {"Redis": (7, 0), "Valkey": (7, 2)}


class Facts(msgspec.Struct, frozen=True):
    """What matters to a queue about its server.

    ``policy`` and ``aof`` are None where the server does not say.
    """

    flavour: str
    version: str
    maxmemory: int
    policy: str | None
    aof: bool | None

    def warnings(self) -> list[str]:
        """Return what is wrong with the server's settings for a queue."""
        found = []
        if self.policy not in (None, "noeviction"):
            found.append(
                f"maxmemory-policy is {self.policy}: the server may throw waiting jobs away; "
                "run CONFIG SET maxmemory-policy noeviction"
            )
        if self.aof is False:
            found.append(
                "AOF is off: a restart of the server loses jobs; run CONFIG SET appendonly yes"
            )
        return found

    def journal_bound(self, limit: int | None) -> int:
        """Return the size of the journal at which workers stop, in bytes."""
        return journal_bound(limit, self.maxmemory)


def journal_bound(limit: int | None, maxmemory: int) -> int:
    """Return the size of the journal at which workers stop, in bytes; 0 is no ``maxmemory``."""
    if limit is not None:
        return limit
    return min(2 * GIB, maxmemory // 4) if maxmemory else 2 * GIB


async def ask(lane: Lane) -> Facts:
    """Return what the server is.

    Of a cluster it is what holds for all masters that answer: the oldest version, the least
    memory, and the setting of the one that fits a queue least.

    Raises:
        BrokerUnavailable: It can't be reached; of a cluster, no master can.
        ConfigurationError: It is too old, or a Sentinel.
    """
    asked = (each.command("INFO") for each in await lane.masters())
    answers = await asyncio.gather(*asked, return_exceptions=True)
    infos = [each for each in answers if not isinstance(each, BaseException)]
    for error in answers:
        if isinstance(error, BaseException) and (
            not infos or not isinstance(error, BrokerUnavailable)
        ):
            raise error
    return _weakest([_facts(fields(info)) for info in infos])


async def reach(lane: Lane, keys: Sequence[str]) -> None:
    """Look whether some of several keys can be used.

    Raises:
        BrokerUnavailable: None of them can.
        BrokerError: Redis refused it for good.
    """
    by_place = {lane.place(key) or key: key for key in keys}
    problem = None
    for key in by_place.values():
        try:
            await lane.command("PERSIST", key)
        except BrokerUnavailable as error:
            problem = error
        else:
            return
    if problem is not None:
        raise problem


def _facts(info: dict[str, str]) -> Facts:
    if "sentinel" in (info.get("server_mode"), info.get("redis_mode")):  # Valkey, Redis
        raise ConfigurationError(
            "redis_url leads to a Sentinel; write redis+sentinel://host:26379/name-of-the-master"
        )
    flavour = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "0")
    if parts(version) < OLDEST[flavour]:
        oldest = ".".join(map(str, OLDEST[flavour]))
        raise ConfigurationError(f"{flavour} {version} is too old; {oldest} or newer is needed")
    aof = info.get("aof_enabled")
    return Facts(
        flavour,
        version,
        int(info.get("maxmemory", 0)),
        info.get("maxmemory_policy"),
        None if aof is None else aof == "1",
    )


def _weakest(facts: Sequence[Facts]) -> Facts:
    oldest = min(facts, key=lambda each: parts(each.version))
    return replace(
        oldest,
        maxmemory=min((each.maxmemory for each in facts if each.maxmemory), default=0),
        policy=min((each.policy for each in facts), key=lambda policy: policy == "noeviction"),
        aof=min((each.aof for each in facts), key=lambda aof: aof is not False),
    )


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version that say what a server can do."""
    return tuple(map(int, version.split(".")[:2]))


def fields(reply: bytes | str) -> dict[str, str]:
    """Return the answer to ``INFO`` by name."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def now_ms(answer: Sequence[bytes]) -> int:
    """Return the time in ms since the epoch that Redis gave as its answer to ``TIME``."""
    seconds, micros = answer
    return int(seconds) * 1000 + int(micros) // 1000
