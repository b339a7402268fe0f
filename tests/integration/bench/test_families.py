"""Benchmarks run: each family ends, adds up and gives every figure that it has."""

import pytest

from scripts.benchmarks import nodes, profile, rounds, stage, works
from scripts.benchmarks.figures import Size

TINY = Size(jobs=600, seconds=0.3, many=600, rows=2000)
SMALL = Size(jobs=12_000, seconds=0, many=0)  # of those sent one by one enough to be met at work
SCRIPTS = {
    "drain": {"fetch", "finish"},
    "drain by threads": {"fetch", "finish"},
    "record while it is drained": {"recorded"},
    "enqueue one by one": {"enqueue"},
    "enqueue one by one, blocking": {"enqueue"},
    "promotion": {"promote"},
}

# Left out: those that wait for seconds to see that nothing happens, and twins of others.
CHOSEN = (
    *("bare", "enqueue", "drain", "threads", "restrained", "recorder", "latency", "half"),
    *("memory", "startup", "promotion", "cookbook", "growth-partitions"),
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


async def test_profiles() -> None:
    """The scripts of each work are named, with their commands; no part is more than the whole."""
    async with stage.opened(None, history=True) as here:
        found = {each.work: each for each in await profile.measure(here, SMALL)}
    assert list(found) == [each.name for each in works.WORKS]
    for work, names in SCRIPTS.items():
        scripts = {each.name: each for each in found[work].scripts}
        assert names <= scripts.keys()
        assert all(scripts[name].commands for name in names)
    for each in found.values():
        # So few jobs are promoted within a tick of the clock that looks.
        assert each.functions or each.work == "promotion"
        assert sum(each.functions.values()) == pytest.approx(each.cpu if each.functions else 0)
        assert each.server < each.redis
