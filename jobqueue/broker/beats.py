"""Says every few seconds that a service lives, until it stops."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from typing import Any

from jobqueue.broker import presence
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable

log = logging.getLogger("jobqueue")

EVERY = 5.0  # seconds
LIFE_MS = 15_000


def service_id() -> str:
    """Return a new id: host, pid and random bits, since containers share pids."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def beat(
    lane: Lane, keys: Keys, role: str, service: str, describe: Callable[[], dict[str, Any]]
) -> None:
    """Keep a service's presence until cancelled, then take it away."""
    try:
        while True:
            fields = {"host": socket.gethostname(), "pid": os.getpid(), **describe()}
            await _try(lane, presence.beat(keys, role, service, fields, LIFE_MS))
            await asyncio.sleep(EVERY)
    finally:
        await _try(lane, presence.leave(keys, role, service))


async def _try(lane: Lane, commands: list[presence.Command]) -> None:
    try:
        await lane.commands(commands)
    except (BrokerUnavailable, BrokerError) as error:
        log.debug("presence not written", extra={"error": str(error)})
