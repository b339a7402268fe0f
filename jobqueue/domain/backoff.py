"""Waits between attempts to reach a server: jittered, so that workers do not come back together."""

import asyncio
import random

FIRST, LONGEST = 0.05, 5.0  # seconds


class Pause:
    """A wait that doubles, from 50 ms to 5 s, half of it random."""

    def __init__(self) -> None:
        self._next = FIRST

    def reset(self) -> None:
        """Begin with a short wait again."""
        self._next = FIRST

    def take(self) -> float:
        """Return the next wait, in seconds."""
        wait = self._next * random.uniform(0.5, 1.0)
        self._next = min(LONGEST, self._next * 2)
        return wait

    async def wait(self) -> None:
        """Sleep for the next wait."""
        await asyncio.sleep(self.take())
