"""Spreads the work of one caller over time."""

import asyncio
import math
import time

from jobqueue.domain.limits import Rate

STEP = 0.2  # seconds of work that are done at once


class Pace:
    """Lets through so many things in a time, a few at once.

    Args:
        rate: How many in which time; None for as many as come.
        most: How many at once, at most.
    """

    def __init__(self, rate: Rate | None, most: int) -> None:
        each = None if rate is None else rate.per_ms / 1000 / rate.n
        self.size = most if each is None else max(1, min(most, math.floor(STEP / each)))
        self._each = each  # seconds
        self._next = time.monotonic()

    async def turn(self, n: int) -> None:
        """Wait until the next ``n`` may go; a time when nobody came is not made up for."""
        if self._each is None:
            return
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + n * self._each
