"""Says which services live. Presence is for people and decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane

Command = tuple[Any, ...]


def beat(
    keys: Keys, role: str, service: str, fields: Mapping[str, Any], life_ms: int
) -> list[Command]:
    """Return the commands that say: this service lives, for ``life_ms`` from now.

    Args:
        keys: Names of the installation's keys.
        role: ``worker``, ``scheduler`` or ``recorder``.
        service: Id of the process.
        fields: What it says of itself; anything JSON holds.
        life_ms: Time after which its silence means that it is gone.
    """
    name = f"{role}:{service}"
    text = msgspec.json.encode({"role": role, "id": service, **fields})
    return [
        ("SADD", keys.services, name),
        ("SET", keys.presence(name), text, "PX", life_ms),
    ]


def leave(keys: Keys, role: str, service: str) -> list[Command]:
    """Return the commands that take a service's presence away."""
    name = f"{role}:{service}"
    return [("DEL", keys.presence(name)), ("SREM", keys.services, name)]


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
