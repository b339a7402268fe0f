"""When a schedule is due, as it is written down: in code, in PostgreSQL and in Redis.

One rule: what was accepted once can be made into a rule by any process; every value is checked
when the schedule is made.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import msgspec

from jobqueue.domain import checks
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import shown

if TYPE_CHECKING:
    from jobqueue.domain.occurrences import Policy
    from jobqueue.domain.schedules import Schedule


class Timing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a schedule is due, and what becomes of its occurrences.

    Exactly one of ``cron``, ``every`` and ``at`` is given.

    Args:
        cron: Five fields, six with ``seconds``, or a word such as ``@daily``.
        every: Seconds between two occurrences, or a ``timedelta``.
        at: The only occurrence.
        timezone: Zone whose wall clock a cron expression means.
        dst: What happens where clocks are changed: ``once``, ``every`` or ``skip``.
        seconds: Whether the expression begins with a field for seconds.
        anchor: A moment on the grid of ``every``; else ``start``, else the Unix epoch.
        start: There is no occurrence before it.
        end: There is none from then on.
        misfire: What happens to occurrences that nobody saw when they were due: ``skip``;
            ``one``, the last of them; ``all``, the last 100, or ``all(20)``.
        overlap: What happens when the job of the occurrence before has not ended: ``allow``;
            ``skip`` this one; ``cancel`` the one before.
        jitter: Seconds by which each occurrence is put off at most, or a ``timedelta``.
    """

    cron: str | None = None
    every: float | timedelta | None = None
    at: datetime | None = None
    timezone: str = "UTC"
    dst: str = "once"
    seconds: bool = False
    anchor: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    misfire: str = "one"
    overlap: str = "allow"
    jitter: float | timedelta = 0.0

    def rule(self) -> "Schedule":
        """Return the rule that says when it is due.

        Raises:
            ConfigurationError: Something in it is wrong.
        """
        from jobqueue.domain.schedules import Bounded

        if self.start and self.end and self.start >= self.end:
            raise ConfigurationError("end: it lies before the start")
        rule = self._inner()
        return Bounded(rule, self.start, self.end) if self.start or self.end else rule

    def _inner(self) -> "Schedule":
        from jobqueue.domain.schedules import Cron, Every, Once

        given = [name for name in ("cron", "every", "at") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigurationError("schedule: give one of cron, every and at")
        if self.cron is not None:
            dst = self.dst  # the rule checks it
            return Cron(self.cron, timezone=self.timezone, dst=dst, seconds=self.seconds)  # type: ignore[arg-type]
        if (self.timezone, self.dst, self.seconds) != ("UTC", "once", False):
            raise ConfigurationError("timezone, dst, seconds: these are for cron")
        if self.every is not None:
            return Every(self.every, anchor=self.anchor or self.start)
        assert self.at is not None  # noqa: S101 - one of three is given
        return Once(self.at)

    def policy(self) -> "Policy":
        """Return what holds for its occurrences.

        Raises:
            ConfigurationError: Something in it is wrong.
        """
        from jobqueue.domain.occurrences import Overlap, Policy, parse_misfire

        most, skips = parse_misfire(self.misfire)
        overlap = checks.choice("overlap", Overlap, self.overlap)
        jitter = timedelta(seconds=checks.seconds("jitter", self.jitter))
        every = checks.seconds("every", self.every or 0)
        if every and jitter >= timedelta(seconds=every):
            raise ConfigurationError(f"jitter: {shown(self.jitter)} is no less than the interval")
        return Policy(most, skips, overlap, jitter)

    def normal(self) -> Self:
        """Return this as it is stored: durations in seconds, times in UTC.

        Raises:
            ConfigurationError: A duration is none, or a time has no zone.
        """
        times = {option: getattr(self, option) for option in ("at", "anchor", "start", "end")}
        for option, moment in times.items():
            _refuse_naive(option, moment)
        lengths = {option: getattr(self, option) for option in ("every", "jitter")}
        return msgspec.structs.replace(
            self,
            **{option: moment and moment.astimezone(UTC) for option, moment in times.items()},
            **{n: None if v is None else checks.seconds(n, v) for n, v in lengths.items()},
        )

    def shown(self) -> str:
        """Return in a few words when it is due."""
        if self.cron is not None:
            zone = "" if self.timezone == "UTC" else f" {self.timezone}"
            return f"{self.cron}{zone}"
        if self.every is not None:
            return f"every {checks.seconds('every', self.every):g}s"
        # A newer version may have one more way to say when.
        return "never" if self.at is None else f"at {self.at:%Y-%m-%dT%H:%M:%S%z}"


def _refuse_naive(option: str, moment: object) -> None:
    if moment is None:
        return
    if not isinstance(moment, datetime):
        raise ConfigurationError(f"{option}: {shown(moment)} is no datetime")
    if moment.utcoffset() is None:
        raise ConfigurationError(f"{option}: {moment} has no time zone; add tzinfo")
