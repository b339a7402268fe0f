"""The table of all peers: a line for each, fastest first."""

from collections.abc import Mapping, Sequence
from statistics import median

from scripts.benchmarks.figures import Values
from scripts.benchmarks.text import aligned, number
from scripts.peers.harness.catalogue import OURS
from scripts.peers.harness.comparison import BARE, MEASURES, Comparison

NOTHING = "-"


def medians(rounds: Sequence[Mapping[str, float]], name: str) -> Values:
    """Return the median of each measure of a peer, over the rounds that have it."""
    found: Values = {}
    for key, _, _, _ in MEASURES:
        if values := [each[f"{name}.{key}"] for each in rounds if f"{name}.{key}" in each]:
            found[key] = median(values)
    return found


def lines(found: Comparison) -> list[str]:
    """Return the table, what each peer runs on, and who failed."""
    units = [f"{what}, {unit}" for _, what, unit, _ in MEASURES]
    rows = [("", "version", *units), *_rows(found)]
    text = aligned(rows, left=2)
    text += ["", *(f"{peer.name}: {peer.choices}" for peer in found.peers)]
    text += ["", *(f"FAILED {name}: {why}" for name, why in found.failures.items())]
    return text


def _rows(found: Comparison) -> list[tuple[str, ...]]:
    versions = {peer.name: peer.version for peer in found.peers} | {BARE: ""}
    values = {name: medians(found.rounds, name) for name in versions}
    order = sorted(versions, key=lambda name: -values[name].get("drain", 0))
    return [
        (f"* {name}" if name == OURS else f"  {name}", versions[name], *_cells(values[name]))
        for name in order
    ]


def _cells(values: Values) -> list[str]:
    return [number(values[key]) if key in values else NOTHING for key, _, _, _ in MEASURES]


def columns(found: Comparison) -> list[tuple[list[str], list[float]]]:
    """Return for each measure who has it, best first, and the medians."""
    names = [BARE, *(peer.name for peer in found.peers)]
    values = {name: medians(found.rounds, name) for name in names}
    result = []
    for key, _, _, more in MEASURES:
        having = [name for name in names if key in values[name]]
        having.sort(key=lambda name: values[name][key], reverse=more)
        result.append((having, [values[name][key] for name in having]))
    return result
