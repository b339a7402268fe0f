"""Charts of a run, each as PNG and as SVG. Nothing else here knows matplotlib."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from scripts.benchmarks.figures import Series
from scripts.benchmarks.growth import AXES, Axis
from scripts.benchmarks.nodes import NODES
from scripts.benchmarks.report import Report
from scripts.benchmarks.text import number
from scripts.peers.harness import table
from scripts.peers.harness.catalogue import OURS as OURS_NAME

OURS, OTHERS, LIMIT = "#1f6feb", "#8b949e", "#d29922"
WIDE, LINE = 9.0, 0.32  # inches: of a chart, and of one bar
LETTERS = 16  # of a note, to an inch
COSTS = (("worker_cpu", "workers"), ("redis_cpu", "Redis"), ("fill_cpu", "Redis, to enqueue"))
LONG_TAIL = 100  # times the smallest value, from which on an axis is logarithmic

mpl.rcParams.update(
    {"svg.hashsalt": "jobqueue", "svg.fonttype": "none", "font.size": 9, "axes.axisbelow": True}
)


def draw(folder: Path, report: Report) -> list[Path]:
    """Draw what was found: rates, each thing that grew, and other queues beside ours.

    Args:
        folder: Made if it is not there.
        report: The figures, and what they were measured on.

    Returns:
        The files.
    """
    files: list[Path] = []
    found, note = report.found, "; ".join(report.header())
    if report.peers:
        canvas = panels(table.titles(report), table.columns(report), OURS_NAME)
        files += save(folder, "peers", canvas, note)
    rates = [each for each in found if _is_rate(each)]
    if rates:
        files += save(folder, "bench", bars(rates), note)
    if any(each.figure.name.startswith("nodes.") for each in found):
        files += save(folder, "nodes", nodes(report.medians), note)
    for axis in AXES:
        points = [each for each in found if each.figure.name.startswith(f"growth.{axis.name}.")]
        if points:
            files += save(folder, f"growth-{axis.name}", grown(axis, points), note)
    return files


def bars(rates: Sequence[Series]) -> Canvas:
    """Draw medians as bars, with their ranges; the bare limits have a colour of their own."""
    canvas = Canvas(figsize=(WIDE, 1 + LINE * len(rates)), layout="constrained")
    axes = canvas.subplots()
    medians = [each.median for each in rates]
    below = [each.median - min(each.values) for each in rates]
    above = [max(each.values) - each.median for each in rates]
    colours = [LIMIT if each.figure.name.startswith("bare.") else OURS for each in rates]
    labels = [each.figure.what for each in rates]
    _bars(axes, labels, medians, colours, spread=(below, above))
    axes.set_xlabel("a second; bars are medians, lines the whole range")
    return canvas


def grown(axis: Axis, points: Sequence[Series]) -> Canvas:
    """Draw throughput and latency against what grew."""
    canvas = Canvas(figsize=(WIDE, 3.4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for key, axes, label in (
        ("rate", left, "drained a second"),
        ("p50", right, "median"),
        ("p99", right, "p99"),
    ):
        line = list(_line(points, key))
        if line:
            xs, medians, lows, highs = zip(*line, strict=True)
            axes.plot(xs, medians, marker="o", label=label)
            axes.fill_between(xs, lows, highs, alpha=0.2)
    left.set_ylabel("drained a second")
    right.set_ylabel("enqueue to handler, ms")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(axis.what)
        ticks = sorted({x for key in ("rate", "p50") for x, *_ in _line(points, key)})
        axes.set_xticks(ticks, labels=[number(x) for x in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    _plain(left, "y")
    right.legend()
    return canvas


def nodes(medians: Mapping[str, float]) -> Canvas:
    """Draw what a job costs each part, and how busy each is, against the number of Redis nodes."""
    canvas = Canvas(figsize=(WIDE, 2.6), layout="constrained")
    left, right = canvas.subplots(1, 2)
    counts = [count for count in NODES if f"nodes.{count}.rate" in medians]
    names = [f"{count} node{'s' * (count > 1)}" for count in counts]
    costs = [[medians[f"nodes.{count}.{key}"] for count in counts] for key, _ in COSTS]
    _stacked(left, names, dict(zip([label for _, label in COSTS], costs, strict=True)))
    left.set_xlabel("µs of CPU a job")
    shares = {"workers": [medians[f"nodes.{count}.workers"] for count in counts]}
    for node in range(1, max(counts) + 1):
        name = f"busy.{node}"
        shares[f"node {node}"] = [medians.get(f"nodes.{count}.{name}", 0) for count in counts]
    _stacked(right, names, shares)
    right.set_xlabel("% of a core")
    return canvas


def _stacked(axes: Axes, names: Sequence[str], parts: Mapping[str, Sequence[float]]) -> None:
    ends = [0.0] * len(names)
    for label, values in parts.items():
        axes.barh(names, values, left=ends, label=label)
        ends = [end + value for end, value in zip(ends, values, strict=True)]
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=len(parts), frameon=False)


def panels(
    titles: Sequence[str], columns: Sequence[tuple[Sequence[str], Sequence[float]]], ours: str
) -> Canvas:
    """Draw one panel of bars for each measure.

    Args:
        titles: Of the panels.
        columns: Names and values of each, in order.
        ours: The name that has our colour.
    """
    across = 3
    rows = -(-len(titles) // across)
    most = max(len(names) for names, _ in columns)
    canvas = Canvas(figsize=(WIDE * 1.5, rows * (0.8 + 0.22 * most)), layout="constrained")
    grid = canvas.subplots(rows, across, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(titles):
            axes.set_axis_off()
            continue
        names, values = columns[place]
        _bars(axes, names, values, [_colour(name, ours) for name in names])
        axes.set_title(titles[place])
    return canvas


def save(folder: Path, name: str, canvas: Canvas, note: str) -> list[Path]:
    """Write a chart as PNG and as SVG; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = wrap(note, round(canvas.get_figwidth() * LETTERS))
    canvas.supxlabel("\n".join(lines), fontsize=7, color="#57606a")
    files = [folder / f"{name}.png", folder / f"{name}.svg"]
    canvas.savefig(files[0], dpi=90)
    canvas.savefig(files[1], metadata={"Date": None})
    return files


def _bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str],
    spread: tuple[Sequence[float], Sequence[float]] | None = None,
) -> None:
    places = range(len(names))
    axes.barh(places, values, color=colours, xerr=spread, ecolor="#24292f")
    axes.set_yticks(places, labels=list(names))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    if values and max(values) > LONG_TAIL * min(values) > 0:
        axes.set_xscale("log")
    _plain(axes, "x")


def _plain(axes: Axes, which: str) -> None:
    """Write whole numbers with commas, not powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axes.tick_params(axis="x", labelsize=8)


def _colour(name: str, ours: str) -> str:
    if name == ours:
        return OURS
    return LIMIT if name == "bare-loop" else OTHERS


def _is_rate(each: Series) -> bool:
    """Whether a figure says how many jobs a second, and that more is better."""
    figure = each.figure
    wanted = figure.goal is not None and figure.goal.sign == ">="
    return figure.unit == "/s" and (wanted or bool(figure.bare) or figure.name.startswith("bare."))


def _point(each: Series) -> re.Match[str] | None:
    """Split ``growth.<axis>.<x>.<key>``; None for every other figure."""
    return re.fullmatch(r"growth\.\w+\.(\d+)\.(\w+)", each.figure.name)


def _line(points: Sequence[Series], key: str) -> Iterator[tuple[int, float, float, float]]:
    for each in points:
        if (match := _point(each)) and match[2] == key:
            yield int(match[1]), each.median, min(each.values), max(each.values)
