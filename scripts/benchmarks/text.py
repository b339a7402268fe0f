"""Numbers and columns, as the tables show them."""

from collections.abc import Sequence

from scripts.benchmarks.figures import Goal


def number(value: float) -> str:
    """Return three digits or more, and no more than tell something."""
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def with_unit(value: float, unit: str) -> str:
    """Return a number with its unit: ``12,000/s``, ``1.2 ms``."""
    return f"{number(value)}{unit if unit.startswith('/') else f' {unit}'}".rstrip()


def bound(goal: Goal) -> str:
    """Return a goal as people write it: ``≥ 35,000``."""
    signs = {">=": "≥", "<=": "≤"}
    return f"{signs.get(goal.sign, goal.sign)} {number(goal.bound)}"


def aligned(rows: Sequence[Sequence[str]], *, left: int, last_left: bool = False) -> list[str]:
    """Return the lines of a table.

    Args:
        rows: Cells; all rows have as many.
        left: How many first columns begin at the left; the others end at the right.
        last_left: Whether the last column begins at the left too.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lefts = {*range(left), *([len(widths) - 1] if last_left else [])}
    return [
        "  ".join(
            cell.ljust(width) if place in lefts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
