"""Charts of a run, each as PNG and as SVG. Nothing else here knows matplotlib."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from scripts.benchmarks.figures import Series
from scripts.benchmarks.growth import AXES, Axis
from scripts.benchmarks.text import number

OURS, OTHERS, LIMIT = "#1f6feb", "#8b949e", "#d29922"
WIDE, LINE = 9.0, 0.32  # inches: of a chart, and of one bar
LETTERS = 16  # of a note, to an inch
LONG_TAIL = 100  # times the smallest value, from which on an axis is logarithmic

mpl.rcParams.update({"svg.hashsalt": "jobqueue", "font.size": 9, "axes.axisbelow": True})


def draw(folder: Path, found: Sequence[Series], note: str) -> list[Path]:
    """Draw what a run of our own found: its rates, and each thing that grew.

    Args:
        folder: Made if it is not there.
        found: The figures.
        note: What it ran on, for below the charts.

    Returns:
        The files.
    """
    files: list[Path] = []
    rates = [each for each in found if _is_rate(each)]
    if rates:
        files += save(folder, "bench", bars(rates), note)
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
    canvas.savefig(files[0], dpi=150)
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
    return LIMIT if name == "bare" else OTHERS


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
