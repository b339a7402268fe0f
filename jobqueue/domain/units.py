"""Durations and sizes as people write them: ``15s``, ``90d``, ``64KiB``.

One rule: a parser raises ``ValueError`` with what to write instead; who calls it
adds the name of the thing.
"""

import math
import re
from datetime import timedelta
from typing import Any

from jobqueue.domain.suggest import shown

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_BYTES = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")

LONGEST = 100 * 366 * 86_400.0  # seconds; a calendar ends somewhere


def seconds(value: Any) -> float:
    """Return a duration in seconds, from a number of seconds or a ``timedelta``.

    Raises:
        ValueError: It is no duration, negative or longer than a hundred years.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if not _is_number(number):
        raise ValueError(f"{shown(value)} is no duration; write seconds or a timedelta")
    return _in_range(number, value)


def read_seconds(value: Any) -> float:
    """Return what ``seconds`` does, also of ``"15"``, ``"15s"``, ``"5m"``, ``"2h"`` or ``"90d"``.

    Raises:
        ValueError: It is no duration, negative or longer than a hundred years.
    """
    if isinstance(value, timedelta):
        return seconds(value)
    return _in_range(_amount(value, _SECONDS, "write seconds, or such as 15s, 5m, 2h, 90d"), value)


def _in_range(number: float, value: Any) -> float:
    if not 0 <= number <= LONGEST:  # also refuses NaN
        raise ValueError(f"{shown(value)} is out of range; write 0 seconds to 100 years")
    return float(number)


def show_seconds(value: float) -> str:
    """Return a duration in the largest unit that leaves a whole number."""
    return _show(value, _SECONDS, "s")


def size(value: Any) -> int:
    """Return a number of bytes, from ``1024``, ``"64KiB"``, ``"1MiB"`` or ``"2GiB"``.

    Raises:
        ValueError: It is no size, negative or no whole number of bytes.
    """
    amount = _amount(value, _BYTES, "write bytes, or such as 64KiB, 1MiB, 2GiB")
    if not math.isfinite(amount) or amount < 0 or amount % 1:
        raise ValueError(f"{shown(value)} is no whole number of bytes")
    return int(amount)


def show_size(value: int) -> str:
    """Return a number of bytes in the largest unit that leaves a whole number."""
    return _show(value, _BYTES, "B")


def _amount(value: Any, units: dict[str, int], hint: str) -> float:
    if _is_number(value):
        return _float(value)
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    factor = (units | {"": 1}).get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(f"{shown(value)} is not understood; {hint}")
    return float(match[1]) * factor


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf


def _show(value: float, units: dict[str, int], smallest: str) -> str:
    for unit, factor in units.items():
        if value and value % factor == 0:
            return f"{value / factor:.0f}{unit}"
    return f"{value:.15g}{smallest}"
