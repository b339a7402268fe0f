"""Whether a long backlog costs more a job than a short one."""

from statistics import median

from scripts.benchmarks.draining import Load, drained
from scripts.benchmarks.figures import SCALE, Family, Figure, Goal, Size, Values
from scripts.benchmarks.stage import Stage

SHORT = 10_000
TIMES = 5  # a short drain is over in a moment


async def measure(stage: Stage, size: Size) -> Values:
    """Drain a short backlog some times, and a long one."""
    short = median([(await drained(stage, Load(SHORT))).rate for _ in range(TIMES)])
    long = (await drained(stage, Load(size.many))).rate
    return {"backlog.short": short, "backlog.long": long, "backlog.ratio": long / short}


FAMILY = Family(
    "backlog",
    (
        Figure("backlog.short", "drain, a backlog of 10,000", "/s"),
        Figure("backlog.long", "drain, a long backlog", "/s"),
        Figure("backlog.ratio", "… of the short one", "", Goal(">=", 0.9)),
    ),
    measure,
    seconds=65,
    part=SCALE,
)
