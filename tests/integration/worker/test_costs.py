"""What a plain job costs the worker's loop, counted and not timed: a regression shows anywhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.support.stage import stage_on

SOME = 2000  # jobs


class Count:
    """How many functions were called, of Python and of C."""

    def __init__(self) -> None:
        self.calls = 0

    def note(self, _frame: FrameType, event: str, _argument: Any) -> None:
        """Note an event of the interpreter."""
        self.calls += event in {"call", "c_call"}


@contextmanager
def counted() -> Iterator[Count]:
    """Count the calls of this thread in the block."""
    count, before = Count(), sys.getprofile()
    sys.setprofile(count.note)
    try:
        yield count
    finally:
        sys.setprofile(before)


async def drained(url: str, jobs: int) -> int:
    """Let a worker run jobs that wait; return how many calls that took."""
    async with stage_on(url) as stage:

        @stage.app.job
        async def nothing() -> None:
            stage.log.append(None)

        await stage.app.enqueue_many(nothing.prepare() for _ in range(jobs))
        with counted() as count:
            async with stage.app.worker():
                await stage.logged(jobs, deadline=60)
        return count.calls


async def test_calls_of_a_job(redis_url: str) -> None:
    """From a fetch's answer to the row of the execution, for a handler that does nothing."""
    some, more = await drained(redis_url, SOME), await drained(redis_url, 2 * SOME)
    assert (more - some) / SOME < 85
