"""What becomes of the occurrences that are due: one of several, all of them, none.

One rule: the answer follows from the rule, the policy, the last occurrence that was settled
and the time; so every scheduler that looks decides the same.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

import msgspec

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.instants import MILLISECOND, milliseconds
from jobqueue.domain.schedules import Schedule
from jobqueue.domain.suggest import shown

MOST = 1000  # missed occurrences that are looked at one by one
LATE = timedelta(seconds=5)  # from then on an occurrence counts as missed
PAUSED, MISSED = "paused", "missed"

_WINDOWS = [timedelta(minutes=1), timedelta(hours=1), *map(timedelta, (1, 60, 366))]
_MISFIRE = re.compile(r"(skip|one|all)(?:\(([0-9]{1,4})\))?")
_ALL = 100  # of "all" without a number


class Overlap(StrEnum):
    """What happens when the job of the occurrence before has not ended."""

    ALLOW = "allow"
    SKIP = "skip"
    CANCEL = "cancel"


class Policy(msgspec.Struct, frozen=True):
    """What holds for the occurrences of a schedule.

    Args:
        most: How many of several missed ones are enqueued, the latest.
        skips: Whether one that is late by more than five seconds is not enqueued at all.
        overlap: What happens when the job of the one before has not ended.
        jitter: By how much each is put off at most.
    """

    most: int = 1
    skips: bool = False
    overlap: Overlap = Overlap.ALLOW
    jitter: timedelta = timedelta()

    def due(self, name: str, occurrence: datetime) -> datetime:
        """Return when an occurrence is to be enqueued: for the same one always the same."""
        if not self.jitter:
            return occurrence
        seed = f"{name}@{milliseconds(occurrence)}".encode()
        share = int.from_bytes(hashlib.blake2b(seed, digest_size=4).digest()) / 2**32
        return occurrence + self.jitter * share // MILLISECOND * MILLISECOND


def parse_misfire(value: object) -> tuple[int, bool]:
    """Return how many missed occurrences are enqueued, and whether late ones are skipped.

    Raises:
        ConfigurationError: It is none of ``skip``, ``one``, ``all`` and ``all(20)``.
    """
    match = _MISFIRE.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[2] and not (match[1] == "all" and 1 <= int(match[2]) <= MOST)):
        raise ConfigurationError(
            f"misfire: {shown(value)} is unknown; write skip, one, all, or all(20) with at most "
            f"{MOST}"
        )
    if match[1] == "all":
        return int(match[2] or _ALL), False
    return 1, match[1] == "skip"


class Step(NamedTuple):
    """One thing to do: an occurrence that is enqueued or skipped, and others skipped before it.

    Args:
        occurrence: The occurrence; all before it are settled with it.
        due: When it is to be enqueued.
        skip: Why it is not enqueued; empty when it is.
        others: Those before it that are skipped, in order.
        why: Why they are.
        since: Where there are more than are looked at: the moment after which they begin.
    """

    occurrence: datetime
    due: datetime
    skip: str = ""
    others: Sequence[datetime] = ()
    why: str = MISSED
    since: datetime | None = None


def plan(
    name: str, rule: Schedule, policy: Policy, after: datetime, now: datetime, *, paused: bool
) -> list[Step]:
    """Return what to do about the occurrences that are due and not settled, in order.

    Args:
        name: The schedule.
        rule: When it is due.
        policy: What holds for its occurrences.
        after: The last occurrence that was settled.
        now: The time.
        paused: Whether nothing is to be enqueued.
    """
    found, more = recent(rule, after, now, MOST)
    # An occurrence that jitter puts off keeps back those behind it, so that order holds.
    ready = list(takewhile(lambda each: policy.due(name, each) <= now, found))
    if not ready:
        return []
    since = after if more else None
    last = policy.due(name, ready[-1])
    if paused:
        return [Step(ready[-1], last, PAUSED, ready[:-1], PAUSED, since)]
    if policy.skips and now - last > LATE:
        return [Step(ready[-1], last, MISSED, ready[:-1], MISSED, since)]
    kept, others = ready[-policy.most :], ready[: -policy.most]
    first, *rest = [Step(each, policy.due(name, each)) for each in kept]
    return [first._replace(others=others, since=since), *rest]


def recent(
    rule: Schedule, after: datetime, until: datetime, most: int
) -> tuple[list[datetime], bool]:
    """Return the last ``most`` occurrences in (after, until], and whether there are more."""
    for window in _WINDOWS:
        # Backwards in growing steps: a rule that fires each second must not be
        # walked through for all the days that no scheduler ran.
        start = max(after, until - window)
        found = _between(rule, start, until)
        if start == after or len(found) >= most:
            break
    else:
        found = _between(rule, after, until)
    kept = found[-most:]
    first = rule.next_after(after) if kept else None
    return kept, first is not None and first < kept[0]


def _between(rule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    following = rule.next_after(after)
    while following is not None and following <= until:
        found.append(following)
        following = rule.next_after(following)
    return found


def job_id(schedule: str, occurrence: datetime) -> str:
    """Return the id of the job that an occurrence of a schedule becomes."""
    stamp = occurrence.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{schedule}@{stamp.replace('.000Z', 'Z')}"
