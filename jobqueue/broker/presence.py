"""Says every few seconds which services live. Presence is for people and decides nothing."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.scripts import script
from jobqueue.domain.errors import BrokerError, BrokerUnavailable

log = logging.getLogger("jobqueue")

EVERY = 5.0  # seconds
LIFE_MS = 15_000

Command = tuple[Any, ...]


def service_id() -> str:
    """Return a new id: host, pid and random bits, since containers share pids."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def show(
    keys: Keys, role: str, service: str, fields: Mapping[str, Any], life_ms: int
) -> list[Command]:
    """Return the commands that say: this service of this process lives, for ``life_ms`` from now.

    Args:
        keys: Names of the installation's keys.
        role: ``worker``, ``scheduler`` or ``recorder``.
        service: Id of the service.
        fields: What it says of itself beside host and pid; anything JSON holds.
        life_ms: Time after which its silence means that it is gone.
    """
    name = f"{role}:{service}"
    who = {"role": role, "id": service, "host": socket.gethostname(), "pid": os.getpid()}
    # Scripts, since plain writes are refused at maxmemory; two, since a cluster may keep
    # the two keys apart. Sent whole: they are shorter than what a service says.
    text = msgspec.json.encode({**who, **fields})
    return [
        ("EVAL", script("join").source, 1, keys.services, name),
        ("EVAL", script("beat").source, 1, keys.presence(name), text, life_ms),
    ]


def hide(keys: Keys, role: str, service: str) -> list[Command]:
    """Return the commands that take a service's presence away."""
    name = f"{role}:{service}"
    return [("DEL", keys.presence(name)), ("SREM", keys.services, name)]


async def beat(
    lane: Lane, keys: Keys, role: str, service: str, describe: Callable[[], Mapping[str, Any]]
) -> None:
    """Keep a service's presence until cancelled, then take it away."""
    try:
        while True:
            await _try(lane, show(keys, role, service, describe(), LIFE_MS), logging.WARNING)
            await asyncio.sleep(EVERY)
    finally:
        await _try(lane, hide(keys, role, service), logging.DEBUG)


async def _try(lane: Lane, commands: Sequence[Command], level: int) -> None:
    try:
        await lane.commands(commands)
    except (BrokerUnavailable, BrokerError) as error:
        log.log(level, "presence not written", extra={"error": str(error)})


async def services(lane: Lane, keys: Keys, role: str | None = None) -> list[dict[str, Any]]:
    """Return what living services say of themselves, and forget the others.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        role: Only services of this role; None for all.
    """
    names: Sequence[bytes] = sorted(await lane.command("SMEMBERS", keys.services))
    if not names:
        return []
    texts = await lane.commands([("GET", keys.presence(name.decode())) for name in names])
    gone = [name for name, text in zip(names, texts, strict=True) if text is None]
    if gone:
        await lane.command("SREM", keys.services, *gone)
    found = [msgspec.json.decode(text) for text in texts if text is not None]
    return [each for each in found if role in (None, each["role"])]


def unserved(split: Iterable[str], workers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the queues of which living workers serve the whole, and none the partitions.

    Args:
        split: The queues that have partitions.
        workers: What living workers say of themselves.
    """
    whole = {queue for worker in workers for queue in worker["queues"]}
    aware = {queue for worker in workers for queue in worker.get("partitions", ())}
    return [queue for queue in split if queue in whole - aware]
