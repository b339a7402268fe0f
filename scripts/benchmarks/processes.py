"""Starts and ends the processes under measurement."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from scripts.benchmarks.child import Report
from scripts.benchmarks.figures import Broken
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workload import DEFAULTS, Plan

LONGEST_LINE = 1 << 26  # bytes: it has every wait
PATIENCE = 15.0  # seconds for a process to start or to end in order


class Child:
    """A process under measurement that is ready to go."""

    def __init__(self, role: str, process: Process) -> None:
        assert process.stdin  # noqa: S101 - made with pipes
        assert process.stdout  # noqa: S101 - the same
        self.role = role
        self.pid = process.pid
        self._process = process
        self._orders, self._answers = process.stdin, process.stdout

    def go(self, order: str = "go") -> None:
        """Start the service; a producer is told how many jobs."""
        self._orders.write(f"{order}\n".encode())

    def restart_count(self) -> None:
        """Leave out of the report the CPU time that the service has taken so far."""
        self._orders.write(b"count\n")

    def check(self) -> None:
        """Raise ``Broken`` if the process is gone."""
        if self._process.returncode is not None:
            raise Broken(f"a {self.role} process ended with status {self._process.returncode}")

    async def answer(self) -> bytes:
        """Return the next line that the process says.

        Raises:
            Broken: It said nothing; its own words stand on standard error.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._answers.readline()
        except TimeoutError:
            raise Broken(f"a {self.role} process did not answer for {PATIENCE:g} s") from None
        if not line:
            raise Broken(f"a {self.role} process ended before its time")
        return line

    async def stop(self) -> Report:
        """Stop the service and return what it did."""
        self._orders.close()
        report = msgspec.json.decode(await self.answer(), type=Report)
        await self._process.wait()
        return report

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()

    async def end(self) -> None:
        """End the process in order, or at once when it does not."""
        self._orders.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


@asynccontextmanager
async def started(role: str, stage: Stage, plan: Plan = DEFAULTS) -> AsyncIterator[Child]:
    """Start a ``worker``, ``scheduler``, ``recorder`` or ``producer``; it waits for ``go``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "scripts.benchmarks.child"),
        *(role, stage.redis_url, stage.database_url or "", msgspec.json.encode(plan).decode()),
        stdin=PIPE,
        stdout=PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C is for us: we end it
    )
    child = Child(role, process)
    try:
        await child.answer()
        yield child
    finally:
        await child.end()
