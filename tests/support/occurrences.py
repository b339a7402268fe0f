"""Which occurrences of a schedule have run, told by the ids of their jobs."""

from datetime import datetime, timedelta
from itertools import groupby, pairwise

from tests.support.stage import Stage, each_once
from tests.support.waiting import wait_until


async def occurrences(stage: Stage) -> list[datetime]:
    """Return the occurrences whose jobs ran, each once, in their order."""
    rows = await stage.rows()
    each_once(rows)
    return sorted(datetime.fromisoformat(row.job_id.partition("@")[2]) for row in rows)


def gaps(times: list[datetime]) -> set[timedelta]:
    """Return the distances between occurrences."""
    return {later - sooner for sooner, later in pairwise(times)}


async def in_a_row(stage: Stage, count: int, step: timedelta) -> None:
    """Wait until so many occurrences have run of which none between them is missing.

    A machine that stands still for longer than a step misses some: then the latest fires, and
    the next ones are on the grid again.
    """

    async def enough() -> bool:
        times = await occurrences(stage)
        assert all(gap % step == timedelta() for gap in gaps(times)), times
        runs = groupby(pairwise(times), lambda pair: pair[1] - pair[0] == step)
        return any(whole and len([*pairs]) >= count - 1 for whole, pairs in runs)

    await wait_until(enough, description=f"{count} occurrences in a row")
