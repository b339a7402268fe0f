"""Who works how long for a job, which says what a rate is bounded by.

Where one process takes nearly all of the time from one job to the next, it is the bound; where
all of them together keep every core busy, the machine is; where neither is so, the time goes
into waiting for each other: round trips, and a kernel that wakes whom they wake.
"""

from collections.abc import Mapping

from scripts.benchmarks import bare
from scripts.benchmarks.figures import PARTS
from scripts.benchmarks.text import aligned, number
from scripts.benchmarks.usage import MICRO

TITLES = (
    "µs for a job",
    "one every",
    *(part.removeprefix("the ") for part in PARTS.values()),
    "cores busy",
)

# What people read, and the figures of a rate and of the CPU.
ROWS = (
    ("drain", "drain.one", "drain"),
    ("drain, bare", bare.DRAIN, bare.DRAIN),
    ("drain, sync handlers in threads", "threads.one", "threads"),
    ("drain and record, a great many jobs", "sustained.one", "sustained"),
    ("recorder alone, a row", "recorder.rows", "recorder"),
    ("enqueue in bulk", "enqueue.bulk", "enqueue.bulk"),
    ("enqueue in bulk, bare", bare.BULK, bare.BULK),
    ("enqueue, 100 at once", "enqueue.gather", "enqueue.gather"),
    ("enqueue, 100 at once, bare", bare.HUNDRED, bare.HUNDRED),
    ("enqueue one by one", "enqueue.one", "enqueue.one"),
    ("enqueue one by one, bare", bare.ONE, bare.ONE),
    ("enqueue one by one, blocking", "enqueue.one_sync", "enqueue.one_sync"),
    ("enqueue one by one, blocking, bare", bare.ONE_SYNC, bare.ONE_SYNC),
    ("enqueue and drain at 50 jobs/s", "latency.rate", "latency.rate"),
    ("enqueue and drain at half of full load", "latency.half", "latency.half"),
    ("promotion", "promotion.rate", "promotion"),
    ("drain with a limit", "restrained.limited", "restrained.limited"),
    ("drain with locks", "restrained.locked", "restrained.locked"),
    ("drain with unique keys", "restrained.unique", "restrained.unique"),
)


def rows(medians: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Return a row for each rate whose CPU was measured too, as :data:`TITLES` says."""
    return [
        _cells(what, MICRO / medians[rate], spent)
        for what, rate, start in ROWS
        if rate in medians and (spent := _spent(medians, start))
    ]


def lines(medians: Mapping[str, float]) -> list[str]:
    """Return the table for people, below an empty line; nothing without a row."""
    found = rows(medians)
    return ["", *aligned([TITLES, *found], left=1)] if found else []


def _spent(medians: Mapping[str, float], start: str) -> dict[str, float]:
    named = {part: f"{start}.{part}_cpu" for part in PARTS}
    return {part: medians[name] for part, name in named.items() if name in medians}


def _cells(what: str, every: float, spent: Mapping[str, float]) -> tuple[str, ...]:
    parts = [number(spent[part]) if part in spent else "" for part in PARTS]
    return what, number(every), *parts, f"{sum(spent.values()) / every:.2f}"
