"""Counts how many jobs run at once."""

import asyncio
from collections import Counter
from typing import Any

TURNS = 20
"""Turns of the loop that a run lasts: enough for a fetch, so that one too many is seen."""


class Meter:
    """What ran at once, by key, and in which order.

    Args:
        together: The first runs last until so many are there, which must be allowed.
    """

    def __init__(self, together: int = 1) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.order: list[Any] = []
        self.done = 0
        self._running = self._seen = 0
        self._together = together
        self._reached = asyncio.Event()

    def moved(self) -> bool:
        """Say whether runs have ended since this was asked last."""
        moved, self._seen = self.done > self._seen, self.done
        return moved

    async def run(self, *keys: str, note: Any = None) -> None:
        """Be one of those that run."""
        self.order.append(note)
        self._running += 1
        for key in keys:
            self.now[key] += 1
            self.most[key] = max(self.most[key], self.now[key])
        if self._running >= self._together:
            self._reached.set()
        await self._reached.wait()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for key in keys:
            self.now[key] -= 1
        self._running -= 1
        self.done += 1
