"""What is known of how a worker died: from its supervisor, and from what it said last.

A dead worker's jobs are taken back by another one, maybe on another host, which finds
here what to write into their rows. It is for people and decides nothing.
"""

import contextlib
import socket

import msgspec

from jobqueue.broker.calls import UNKNOWN_ENDING
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane

ROLE = "worker"
LIFE_MS = 3_600_000


class Death(msgspec.Struct, frozen=True):
    """The end of a worker.

    Args:
        ending: How it ended, in words.
        memory: Bytes that it and its children used when it said so last; 0 when unknown.
    """

    ending: str = UNKNOWN_ENDING
    memory: int = 0


async def note(lane: Lane, keys: Keys, pid: int, ending: str) -> None:
    """Write down how a process of this host ended, for whoever takes back its jobs."""
    names: list[bytes] = await lane.command("SMEMBERS", keys.services)
    begin = f"{ROLE}:{socket.gethostname()}-{pid}-"
    for worker in (each.decode() for each in names if each.decode().startswith(begin)):
        death = Death(ending, await _memory(lane, keys.presence(worker)))
        text = msgspec.json.encode(death)
        name = worker.removeprefix(f"{ROLE}:")
        await lane.command("SET", keys.death(name), text, "PX", LIFE_MS)


async def find(lane: Lane, keys: Keys, worker: str) -> Death:
    """Return what is known of the end of a worker."""
    text: bytes | None = await lane.command("GET", keys.death(worker))
    if text is not None:
        with contextlib.suppress(msgspec.MsgspecError):  # nothing may keep jobs from coming back
            return msgspec.json.decode(text, type=Death)
    return Death(memory=await _memory(lane, keys.presence(f"{ROLE}:{worker}")))


async def _memory(lane: Lane, presence: str) -> int:
    text: bytes | None = await lane.command("GET", presence)
    if text is not None:
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(text, type=Death).memory
    return 0
