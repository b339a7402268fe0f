"""Benchmarks run: each family ends, adds up and gives every figure that it has."""

import pytest

from scripts.benchmarks import nodes, profile, rounds, stage
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


async def test_several_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of a queue lie on every node, and all of them run."""
    monkeypatch.setattr(nodes, "NODES", (2,))
    async with stage.opened(None, history=False) as here:
        values = await nodes.measure(here, TINY)
    known = {figure.name for figure in nodes.FAMILY.figures if figure.name.startswith("nodes.2.")}
    assert values.keys() == known
    assert all(value > 0 for value in values.values()), values


async def test_a_profile() -> None:
    """The scripts of a drain are named, with their commands; no part is more than the whole."""
    async with stage.opened(None, history=False) as here:
        found = await profile.measure(here, Size(jobs=3000, seconds=0, many=0))
    scripts = {each.name: each for each in found.scripts}
    assert {"fetch", "finish"} <= scripts.keys()
    assert scripts["finish"].commands
    assert sum(found.functions.values()) == pytest.approx(found.worker)
    assert found.server < found.redis
