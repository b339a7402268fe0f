"""Which job has which number: kind, queue, priority and options follow from the seed."""

from dataclasses import dataclass
from random import Random

LEASE = 3.0  # seconds; of every worker in the suite
QUEUES = ("main", "side")
LOCKS, UNIQUE_KEYS = 12, 8
AT_ONCE = 3  # jobs of the kind `limited`
STARTS = 40  # of the kind `rated` in any second

ONCE = frozenset({"succeeded"})


@dataclass(frozen=True)
class Kind:
    """What jobs of one name do.

    Args:
        weight: How many of them there are among others.
        ends: Outcomes that their last row may have; a worker that dies too often ends any.
        attempts: Counted attempts that they need; None where a fault decides.
        plain: Whether nothing but its priority decides when it starts.
    """

    weight: float
    ends: frozenset[str] = ONCE
    attempts: int | None = 1
    plain: bool = False


KINDS = {
    "quick": Kind(52, plain=True),
    "brief": Kind(18, plain=True),
    "in_thread": Kind(4, plain=True),
    "in_process": Kind(0.7, frozenset({"succeeded", "failed"}), None, plain=True),
    "lasting": Kind(0.5, plain=True),
    "flaky": Kind(4, attempts=3, plain=True),
    "doomed": Kind(1, frozenset({"failed"}), 2, plain=True),
    "hopeless": Kind(0.5, frozenset({"failed"}), plain=True),
    "snoozing": Kind(1),
    "delayed": Kind(7),
    "locked": Kind(5),
    "unique": Kind(2),
    "limited": Kind(3),
    "rated": Kind(2),
    "expiring": Kind(1, frozenset({"succeeded", "expired"}), None),
    "cancelled": Kind(1, frozenset({"succeeded", "cancelled"}), None),
}
_WEIGHTS = [kind.weight for kind in KINDS.values()]
_DELAYS = {"delayed": (0.3, 6.0), "cancelled": (2.0, 5.0)}


@dataclass(frozen=True)
class Planned:
    """One job, before it is enqueued; ``priority`` is 0 for critical to 3 for low."""

    number: int
    kind: str
    queue: str
    priority: int
    delay: float = 0.0
    key: str = ""


def planned(seed: int, number: int) -> Planned:
    """Return the job with this number."""
    random = Random(f"{seed} {number}")
    [kind] = random.choices(list(KINDS), _WEIGHTS)
    queue = "side" if kind == "in_process" else random.choices(QUEUES, (7, 3))[0]
    priority = random.choices(range(4), (1, 2, 5, 2))[0]
    low, high = _DELAYS.get(kind, (0.0, 0.0))
    delay = round(random.uniform(low, high), 3)
    return Planned(number, kind, queue, priority, delay, _key(random, kind))


def _key(random: Random, kind: str) -> str:
    if kind == "locked":
        return f"lock {random.randrange(LOCKS)}"
    return f"key {random.randrange(UNIQUE_KEYS)}" if kind == "unique" else ""
