"""Gathers the facts of one installation, for an examination; whatever is away is one of them.

Redis is read a few commands for each queue, PostgreSQL by its statistics and the latest runs
of names that have a timeout. Nothing here changes anything.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobqueue.broker import checkup, lookup, pauses, presence
from jobqueue.broker.facts import journal_bound
from jobqueue.client.lookups import unknown_names, unserved
from jobqueue.client.wire import Wire
from jobqueue.domain.checkup.facts import (
    Chosen,
    Durations,
    Facts,
    Platform,
    PostgresFacts,
    QueueFacts,
)
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    HistoryError,
    HistoryUnavailable,
    SchemaMismatch,
)
from jobqueue.domain.partitions import by_queue
from jobqueue.domain.views import together

PATIENCE = 15.0  # seconds for PostgreSQL to say all

DOCKER = Path("/.dockerenv")  # in every container of Docker


async def gather(
    wire: Wire, database_url: str | None, chosen: Chosen, platform_grace: float | None
) -> Facts:
    """Return an installation as it is now.

    Args:
        wire: Where Redis is, and how to talk to it.
        database_url: Where the history is; None where there is none.
        chosen: What settings and code say.
        platform_grace: How long the platform waits for a service, in seconds; None to guess.
    """
    (found, away), (database, missing, durations) = await asyncio.gather(
        _broker(wire), _history(database_url, chosen)
    )
    smallest = min((each.maxmemory for each in found["redis"] if each.maxmemory), default=0)
    return Facts(
        chosen=chosen,
        journal_bound=journal_bound(chosen.journal_limit, smallest),
        redis_away=away,
        postgres=database,
        postgres_away=missing,
        durations=durations,
        platform=platform(platform_grace, os.environ),
        **found,
    )


async def _broker(wire: Wire) -> tuple[dict[str, Any], list[str]]:
    async with wire.server.lane() as lane:
        servers, away = await checkup.servers(lane)
        found: dict[str, Any] = {"redis": tuple(servers)}
        try:
            if servers:
                found |= await _queues(wire)
        except (BrokerUnavailable, BrokerError) as error:
            away = list(dict.fromkeys([*away, str(error)]))
        return found, away


async def _queues(wire: Wire) -> dict[str, Any]:
    keys = wire.keys
    async with wire.server.lane() as lane:
        services, held = await presence.services(lane, keys), await pauses.show(lane, keys)
        queues: list[QueueFacts] = []
        for name, places in by_queue(await lookup.queues(lane, keys)).items():
            counts = together(name, [await lookup.queue(lane, keys, place) for place in places])
            queues.append(await checkup.queue(lane, keys, counts, places))
    views = [each.view for each in queues]
    workers = [each for each in services if each["role"] == "worker"]
    return {
        "queues": queues,
        "services": services,
        "unknown": unknown_names(views, workers),
        "unserved": unserved(views, workers),
        "pauses": held,
    }


async def _history(
    url: str | None, chosen: Chosen
) -> tuple[PostgresFacts | None, str | None, Sequence[Durations] | None]:
    if url is None:
        return None, None, ()
    from jobqueue.history.checkup import examine  # who has no history needs no SQLAlchemy

    names = [name for name, timeout in chosen.timeouts.items() if timeout is not None]
    try:
        async with asyncio.timeout(PATIENCE):
            every = chosen.default_timeout is not None
            database, durations = await examine(url, names, every=every)
    except TimeoutError:
        return None, f"PostgreSQL does not answer within {PATIENCE:g} s", ()
    except (HistoryUnavailable, HistoryError, SchemaMismatch, ConfigurationError) as error:
        return None, str(error), ()
    return database, None, durations


def platform(grace: float | None, environ: Mapping[str, str]) -> Platform | None:
    """Return what stops services here: as somebody says, else as it does by default."""
    if grace is not None:
        command = "make the platform wait longer"
        return Platform(name="the platform", grace=grace, certain=True, command=command)
    if "KUBERNETES_SERVICE_HOST" in environ:
        command = "terminationGracePeriodSeconds in the pod"
        return Platform(name="Kubernetes", grace=30.0, certain=False, command=command)
    if DOCKER.exists():
        command = "stop_grace_period in compose.yaml, --stop-timeout of docker run"
        return Platform(name="Docker", grace=10.0, certain=False, command=command)
    if "INVOCATION_ID" in environ:
        command = "TimeoutStopSec in the unit"
        return Platform(name="systemd", grace=90.0, certain=False, command=command)
    return None
