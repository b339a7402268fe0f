"""Benchmarks run: each family ends, adds up and gives every figure that it has."""

import pytest

from scripts.benchmarks import rounds, stage
from scripts.benchmarks.figures import Size

TINY = Size(jobs=600, seconds=0.3, many=600, rows=2000)

# Left out: those that wait for seconds to see that nothing happens, and twins of others.
CHOSEN = (
    *("bare", "enqueue", "drain", "threads", "restrained", "recorder", "latency", "half"),
    *("memory", "promotion", "cookbook", "growth-partitions"),
)


@pytest.mark.parametrize("name", CHOSEN)
async def test_a_family(name: str) -> None:
    """Every figure has a value, and no value is without its figure."""
    [family] = [each for each in rounds.chosen([name]) if each.name == name]
    async with stage.opened(None, history=family.history) as here:
        values = await family.measure(here, TINY)
    assert sorted(values) == sorted(figure.name for figure in family.figures)
    assert all(value >= 0 for value in values.values()), values
