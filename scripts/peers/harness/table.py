"""The table of all peers: a line for each, fastest first."""

from collections.abc import Sequence

from scripts.benchmarks.figures import Series, Values
from scripts.benchmarks.report import Peer, Report
from scripts.benchmarks.text import aligned, bound, number
from scripts.peers.harness.catalogue import OURS
from scripts.peers.harness.comparison import BARE, GOALS, MEASURES, of_best

NOTHING = "-"
TITLES = ("", "version", *(f"{what}, {unit}" for _, what, unit, _ in MEASURES))


def lines(found: Report) -> list[str]:
    """Return the table, the goals that other queues set, and what each peer runs on."""
    text = aligned([TITLES, *rows(found, mark="* ")], left=2)
    text += ["", *goals(found)]
    text += ["", *(f"{peer.name}: {peer.choices}" for peer in found.peers)]
    return [*text, "", *(f"FAILED {name}: {why}" for name, why in failures(found).items())]


def failures(found: Report) -> dict[str, str]:
    """Return why peers have no values, by their names."""
    return {
        peer.name: found.failures[peer.name] for peer in found.peers if peer.name in found.failures
    }


def rows(found: Report, mark: str = "") -> list[tuple[str, ...]]:
    """Return a row for each peer and for the bare loop, fastest first; ours is marked."""
    medians = found.medians
    versions = {peer.name: peer.version for peer in found.peers} | {BARE: ""}
    order = sorted(versions, key=lambda name: -medians.get(f"{name}.drain", 0))
    others = " " * len(mark)
    return [
        (f"{mark if name == OURS else others}{name}", versions[name], *_cells(medians, name))
        for name in order
    ]


def _cells(medians: Values, name: str) -> list[str]:
    keys = [f"{name}.{key}" for key, *_ in MEASURES]
    return [number(medians[key]) if key in medians else NOTHING for key in keys]


def goals(found: Report) -> list[str]:
    """Return a sentence for each measure that shall be better than the best peer's."""
    names = {of_best(key) for key in GOALS}
    return [
        f"{each.figure.what}: {each.median:.2f}, goal {bound(goal)}: "
        f"{'met' if goal.met(value) else 'missed'}"
        for each in found.found
        if each.figure.name in names
        for goal, value in each.goals
    ]


def titles(found: Report) -> list[str]:
    """Return what each panel of the chart shows, with its goal and whether it is met."""
    verdicts = {each.figure.name: each for each in found.found}
    return [
        f"{what}, {unit}{_verdict(key, verdicts.get(of_best(key)))}"
        for key, what, unit, _ in MEASURES
    ]


def _verdict(key: str, each: Series | None) -> str:
    if each is None:
        return ""
    word = "met" if each.met else "missed"
    return f"\n{each.median:.2f} of the best peer; goal {bound(GOALS[key])}: {word}"


def columns(found: Report) -> list[tuple[list[str], list[float]]]:
    """Return for each measure who has it, best first, and the medians."""
    names = _names(found.peers)
    return [_column(found.medians, names, key, more=more) for key, _, _, more in MEASURES]


def _names(peers: Sequence[Peer]) -> list[str]:
    return [BARE, *(peer.name for peer in peers)]


def _column(
    medians: Values, names: Sequence[str], key: str, *, more: bool
) -> tuple[list[str], list[float]]:
    having = [name for name in names if f"{name}.{key}" in medians]
    having.sort(key=lambda name: medians[f"{name}.{key}"], reverse=more)
    return having, [medians[f"{name}.{key}"] for name in having]
