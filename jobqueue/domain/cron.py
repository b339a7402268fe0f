"""Cron expressions: five fields, six with seconds, or a word such as ``@daily``.

The home of croniter. It is only ever given wall times without a zone: what the
clocks of a zone do is decided in :mod:`jobqueue.domain.schedules`.
"""

import copy
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import did_you_mean, shown

if TYPE_CHECKING:
    from croniter import croniter

WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day of month": "1-31, or l for the last day",
    "month": "1-12 or jan-dec",
    "day of week": "0-7 or sun-sat; 0 and 7 are Sunday",
    "second": "0-59",
}

# February 29 on a given weekday comes every 28 years, and every 40 around 2100.
_YEARS = 50
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - wall time

_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NUMBERS = {name: n for n, name in enumerate(_NAMES, 1)} | {d: n for n, d in enumerate(_DAYS)}


class Expression:
    """A parsed expression; answers in wall times, without a zone.

    Args:
        text: Five fields, or six with the seconds in front, or a word.
        seconds: Whether there are six fields.

    Raises:
        ConfigurationError: The expression is wrong or its time never comes.
    """

    def __init__(self, text: str, *, seconds: bool = False) -> None:
        fields = _split(text, seconds=seconds)
        for (name, allowed), field in zip(FIELDS.items(), fields, strict=False):
            _check(text, name, field, allowed)
        self._rule = _parse(fields)
        self.fixed_time = not fields[0].startswith("*") and not fields[1].startswith("*")
        if self.after(_EPOCH) is None:
            raise ConfigurationError(f"cron {shown(text)}: no such date ever comes")

    def after(self, wall: datetime) -> datetime | None:
        """Return the first matching wall time after ``wall``, or ``None`` if none comes."""
        from croniter import CroniterBadDateError

        # A copy shares the parsed fields but not the cursor, so threads may search at once.
        rule = copy.copy(self._rule)
        try:
            found: datetime = rule.get_next(datetime, start_time=wall)
        except (CroniterBadDateError, OverflowError):  # overflow: the calendar ends in 9999
            return None
        return found


def _split(text: Any, *, seconds: bool) -> list[str]:
    """Return the fields, the seconds last as croniter has them inside."""
    if not isinstance(text, str):
        raise ConfigurationError(f"cron: write the expression as text, not {shown(text)}")
    words = text.strip().lower()
    if words.startswith("@"):
        fields = _word(words).split()
        return [*fields, "0"] if seconds else fields
    fields = words.split()
    if len(fields) != (6 if seconds else 5):
        raise ConfigurationError(
            f"cron {shown(text)}: {len(fields)} fields; {_wanted(seconds=seconds)}"
        )
    return [*fields[1:], fields[0]] if seconds else fields


def _word(word: str) -> str:
    if word not in WORDS:
        raise ConfigurationError(f"cron: {word!r} is unknown; {did_you_mean(word, WORDS)}")
    return WORDS[word]


def _wanted(*, seconds: bool) -> str:
    if seconds:
        return "with seconds=True write 'second minute hour day month weekday'"
    return "write 'minute hour day month weekday'; for six with the seconds in front, seconds=True"


def _check(text: str, name: str, field: str, allowed: str) -> None:
    """Refuse a wrong field by its own name: alone, with all others open."""
    from croniter import CroniterError

    alone = [field if name == each else "*" for each in FIELDS]
    # croniter takes "r" as a random number, another one in each process.
    if field.startswith(("h", "r")):
        raise ConfigurationError(f"cron {shown(text)}: {name} {field!r} is wrong; write {allowed}")
    try:
        _parse(alone)
    except CroniterError:
        raise ConfigurationError(
            f"cron {shown(text)}: {name} {field!r} is wrong; write {allowed}"
        ) from None
    _refuse_equal_range(text, name, field)


def _refuse_equal_range(text: str, name: str, field: str) -> None:
    """Refuse ``5-5``, which croniter reads as the whole cycle and people as 5."""
    for term in field.split(","):
        low, dash, high = re.split("[/#]", term)[0].partition("-")
        if dash and _same(name, low, high):
            raise ConfigurationError(
                f"cron {shown(text)}: {name} {term!r} begins where it ends; "
                f"write {low} for one value, * for all"
            )


def _same(name: str, low: str, high: str) -> bool:
    if name == "day of month":
        high = high.replace("l", "31")
    first, last = (int(_NUMBERS.get(each, each)) for each in (low, high))
    # 0-7 is the whole week, but 7-0 is a Sunday written twice.
    return first == last or (name == "day of week" and (first, last) == (7, 0))


def _parse(fields: list[str]) -> "croniter[datetime]":
    from croniter import croniter

    return croniter(
        " ".join(fields),
        _EPOCH,
        ret_type=datetime,
        max_years_between_matches=_YEARS,
        implement_cron_bug=True,  # what Debian does: "*/2" in a day field counts as a star
    )
