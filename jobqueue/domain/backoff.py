"""Waits between attempts to reach a server: jittered, so that workers do not come back together."""

import asyncio
import random

FIRST, LONGEST = 0.05, 5.0  # seconds
PROMPT = 2.0  # seconds; the longest wait where health says soon that a server is back


class Pause:
    """A wait that doubles, from 50 ms on, half of it random.

    Args:
        longest: Where it doubles no more, in seconds.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._next = FIRST

    def reset(self) -> None:
        """Begin with a short wait again."""
        self._next = FIRST

    def take(self) -> float:
        """Return the next wait, in seconds."""
        wait = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._longest, self._next * 2)
        return wait

    async def wait(self) -> None:
        """Sleep for the next wait."""
        await asyncio.sleep(self.take())
