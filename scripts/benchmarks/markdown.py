"""Writes tables of a report into a Markdown file, so that nobody types a figure.

A table goes between two comments, ``<!-- bench:NAME -->`` and ``<!-- /bench:NAME -->``; what is
between them is replaced. A table that the report has nothing for is left as it is.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from jobqueue import JobQueueError
from scripts.benchmarks import arithmetic, costs, profiled, reach
from scripts.benchmarks.figures import Series
from scripts.benchmarks.report import Report
from scripts.benchmarks.text import with_unit
from scripts.peers.harness import table
from scripts.peers.harness.catalogue import OURS

PLACE = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench:\2 -->)", re.DOTALL)
LIMIT = "bare limit: "  # what such a figure's text begins with


class NoPlace(JobQueueError):
    """The file has no place for any table, or one that nobody knows; the message says which."""


def write(file: Path, report: Report, pictures: Sequence[Path] = ()) -> list[str]:
    """Replace the tables of a file; return the names of those that were written.

    Args:
        file: Markdown, with places for tables.
        report: What there is.
        pictures: Charts that were drawn now.

    Raises:
        NoPlace: There is none, or of a name that nobody knows.
    """
    text, written = file.read_text("utf-8"), []
    places = [name for _, name, _ in PLACE.findall(text)]
    if unknown := [name for name in places if name not in BLOCKS and name != "pictures"]:
        raise NoPlace(f"{file}: no table is called {unknown[0]}: there are {', '.join(BLOCKS)}")
    if not places:
        raise NoPlace(f"{file}: no <!-- bench:NAME --> with one of {', '.join(BLOCKS)}")

    def filled(place: re.Match[str]) -> str:
        name = place[2]
        block = _pictures(file, pictures) if name == "pictures" else BLOCKS[name](report)
        if not block:
            return place[0]
        written.append(name)
        return "\n".join([place[1], *block, "", place[3]])

    file.write_text(PLACE.sub(filled, text), "utf-8")
    return written


def _table(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return a Markdown table; the first row has the titles."""
    titles, *others = rows
    rule = ["---" if place < left else "---:" for place in range(len(titles))]
    return [_line(row) for row in (titles, rule, *others)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.strip() for cell in cells)} |"


def machine(report: Report) -> list[str]:
    """Return what was measured on."""
    here = report.machine
    parts = [here.product, here.python, here.loop, here.client, here.redis, here.postgres]
    where = f"{here.cores} cores ({here.processor}), {here.system}"
    return [f"{', '.join(filter(None, parts))}; {where}."]


def goals(report: Report) -> list[str]:
    """Return every goal, and what is reached."""
    rows = reach.cells(report)
    if all(row[1] == reach.NOT_YET for row in rows):
        return []
    return [*_table([reach.TITLES, *rows], left=4), *_bare(report)]


def _bare(report: Report) -> list[str]:
    """Return the bare limits themselves."""
    limits = [each for each in report.found if each.figure.what.startswith(LIMIT)]
    said = [f"{each.figure.what.removeprefix(LIMIT)} {_value(each)}" for each in limits]
    return ["", f"The bare limits: {'; '.join(said)}."] if said else []


def _value(each: Series) -> str:
    return with_unit(each.median, each.figure.unit)


def peers(report: Report) -> list[str]:
    """Return the other queues beside ours, and the goals that they set."""
    if not report.peers:
        return []
    rows = [(_bold(row[0]), *row[1:]) for row in table.rows(report)]
    verdicts = "; ".join(table.goals(report))
    failed = [f"{name} did not run: {why}." for name, why in table.failures(report).items()]
    return [*_table([table.TITLES, *rows], left=2), "", f"{verdicts}.", *failed]


def _bold(name: str) -> str:
    return f"**{name}**" if name == OURS else name


def nodes(report: Report) -> list[str]:
    """Return what several Redis nodes do, and what 10⁶ jobs a second take."""
    found = arithmetic.limits(report.medians, report.machine.cores)
    if not found:
        return []
    return [*(f"- {each}" for each in found), "", *_table(arithmetic.rows(report.medians))]


def spent(report: Report) -> list[str]:
    """Return who works how long for a job."""
    found = costs.rows(report.medians)
    return _table([costs.TITLES, *found]) if found else []


def profile(report: Report) -> list[str]:
    """Return where the time of a job goes in each work, dearest first."""
    rows = [profiled.brief(each) for each in report.profiles]
    titles = ("", "process, µs a job", "Redis, µs a job")
    return _table([titles, *rows], left=len(titles)) if rows else []


def _pictures(file: Path, pictures: Sequence[Path]) -> list[str]:
    folder = file.absolute().parent
    drawn = [path for path in pictures if path.suffix == ".svg"]
    return [
        f"![{path.stem.replace('-', ' by ')}]({os.path.relpath(path, folder)})" for path in drawn
    ]


BLOCKS: dict[str, Callable[[Report], list[str]]] = {
    "machine": machine,
    "goals": goals,
    "peers": peers,
    "nodes": nodes,
    "costs": spent,
    "profile": profile,
}
