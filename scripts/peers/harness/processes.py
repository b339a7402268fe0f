"""Starts and ends the processes of a peer."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.figures import Broken
from scripts.common.surroundings import without_settings
from scripts.peers.harness.catalogue import Entry

ROOT = Path(__file__).parents[3]
PATIENCE = 10.0  # seconds for a worker to end in order
LONGEST = 180.0  # seconds for a producer
LAST_LINES = 3


@dataclass(frozen=True)
class Place:
    """Where a peer runs: its Python, its broker, and a folder of its own for this run."""

    peer: Entry
    python: Path
    url: str
    folder: Path

    @property
    def tally(self) -> Path:
        """Where its handlers count."""
        return self.folder / "tally"

    @property
    def log(self) -> Path:
        """What its processes say."""
        return self.folder / "log"

    def command(self, *arguments: str) -> list[str]:
        """Return what runs ``child`` in the peer's environment."""
        return [str(self.python), "-P", "-m", "scripts.peers.child", self.peer.module, *arguments]

    def environment(self) -> Mapping[str, str]:
        """Return the variables of its processes: nothing of the user's settings."""
        own = {"PEER_URL": self.url, "PEER_TALLY": str(self.tally), "PYTHONPATH": str(ROOT)}
        return without_settings(os.environ) | own

    def last_words(self) -> str:
        """Return the end of what it said."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " / ".join([line.strip() for line in lines if line.strip()][-LAST_LINES:])


async def _start(place: Place, *arguments: str, heard: bool = False) -> asyncio.subprocess.Process:
    """Start a process of a peer, in a session of its own; we read what it says, or its log does."""
    with place.log.open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *place.command(*arguments),
            stdin=DEVNULL,
            stdout=PIPE if heard else log,
            stderr=log,
            cwd=place.folder,
            env=place.environment(),
            start_new_session=True,
        )


async def produce(place: Place, *arguments: object) -> dict[str, float]:
    """Run a producer to its end and return what it says that it did.

    Raises:
        Broken: It failed; the message has its last words.
    """
    process = await _start(place, *map(str, arguments), heard=True)
    try:
        async with asyncio.timeout(LONGEST):
            printed, _ = await process.communicate()
    except TimeoutError:
        raise Broken(f"{arguments[0]} took more than {LONGEST:g} s") from None
    finally:
        _kill_group(process.pid)
    if process.returncode:
        raise Broken(f"{arguments[0]} failed: {place.last_words()}")
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


class Worker:
    """A peer's worker process."""

    def __init__(self, place: Place, process: asyncio.subprocess.Process) -> None:
        self._place, self._process = place, process
        self.pid = process.pid

    def check(self) -> None:
        """Raise ``Broken`` if it is gone."""
        if self._process.returncode is not None:
            status, words = self._process.returncode, self._place.last_words()
            raise Broken(f"the worker ended with status {status}: {words}")


@asynccontextmanager
async def working(place: Place) -> AsyncIterator[Worker]:
    """Run a worker process beside the block."""
    process = await _start(place, "work")
    try:
        yield Worker(place, process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        _kill_group(process.pid)
        await process.wait()


def _kill_group(pid: int) -> None:
    """End what is left of a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
