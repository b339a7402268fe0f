"""The kinds of value that settings take: how each is called, read and shown.

One rule: ``parse`` takes text or an already typed value, and raises ``ValueError``
with what to write instead. Who calls it adds the setting's name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jobqueue.domain import units, urls
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.ids import check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.suggest import did_you_mean, shown

T = TypeVar("T")

MOST_WEIGHT = 1000
_NUMBERED = re.compile("[:=]")  # what stands between a queue and its number
_COUNTS = "write such as email=5,reports=1"
_PREFIX = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


@dataclass(frozen=True)
class ValueKind:
    """A kind of value.

    Args:
        label: What help and documentation call it.
        parse: Returns the typed value, or raises ``ValueError``.
        show: Returns text that ``parse`` reads back.
    """

    label: str
    parse: Callable[[Any], Any]
    show: Callable[[Any], str] = str


def whole(value: Any) -> int:
    """Return a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # Not int(): it also takes "1_000", "+3" and digits of other scripts.
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        return int(value)
    raise ValueError(f"{shown(value)} is no whole number")


def text(value: Any) -> str:
    """Return a text on one line that is not empty, without spaces around it."""
    if not isinstance(value, str) or not value.strip() or not value.strip().isprintable():
        raise ValueError(f"{shown(value)} is no text; write one line with at least one character")
    return value.strip()


def prefix(value: Any) -> str:
    """Return what Redis keys may begin with."""
    # A brace would change the part of a key that a cluster hashes.
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise ValueError(
            f"{shown(value)} can't begin a key: 1 to 64 of letters, digits and '_.:/-'"
        )
    return value


def app_path(value: Any) -> str:
    """Return a path of the form ``MODULE:APP``."""
    path = text(value)
    module, _, name = path.partition(":")
    if all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        return path
    dotted = _path(module.removesuffix(".py").strip("./").replace("/", "."), "package.module")
    example = f"{dotted}:{_path(name.partition(':')[0], 'app')}"
    raise ValueError(f"{shown(path)} is not MODULE:APP; write such as {example}")


def _path(words: str, otherwise: str) -> str:
    return words if all(part.isidentifier() for part in words.split(".")) else otherwise


def queue(value: Any) -> str:
    """Return the name of a queue."""
    try:
        return check_queue(value)
    except InvalidJob as error:
        raise ValueError(error.problem) from None


def queues(value: Any) -> tuple[str, ...] | dict[str, int]:
    """Return queues in their order from ``"a,b"`` or a list; or their weights.

    Weights come from ``"a:6,b:3"``, also with ``=``, or from a mapping.
    """
    if isinstance(value, Mapping):
        return {queue(name): weight(number) for name, number in _some(value).items()}
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError(f"{shown(value)} is no list; write a,b or, with weights, a:6,b:3")  # noqa: TRY004 - see above: ValueError is the rule
    names = [part.strip() if isinstance(part, str) else part for part in _some(parts)]
    weighted = [isinstance(name, str) and bool(_NUMBERED.search(name)) for name in names]
    if not any(weighted):
        return tuple(dict.fromkeys(queue(name) for name in names))
    if not all(weighted):
        raise ValueError(f"{shown(value)} gives weights to some only; write a,b or a:6,b:3")
    return {queue(name): weight(number) for name, number in map(_pair, names)}


def show_queues(value: tuple[str, ...] | dict[str, int]) -> str:
    """Return queues as they are written."""
    if isinstance(value, dict):
        return ",".join(f"{name}:{number}" for name, number in value.items())
    return ",".join(value)


def weight(value: Any) -> int:
    """Return a weight: a whole number from 1 to 1,000."""
    number = whole(value)
    if not 1 <= number <= MOST_WEIGHT:
        raise ValueError(
            f"{shown(value)} is no weight; write a whole number from 1 to {MOST_WEIGHT}"
        )
    return number


def counts(value: Any) -> dict[str, int]:
    """Return a number of at least 1 for each queue, from ``"a=5,b=1"`` or a mapping.

    Text may have ``:`` in place of ``=``, as weights have.
    """
    if isinstance(value, str):
        value = dict(_pair(part) for part in value.split(","))
    if not isinstance(value, Mapping):
        raise ValueError(f"{shown(value)} is not understood; {_COUNTS}")  # noqa: TRY004 - see above: ValueError is the rule
    try:
        found = {queue(name): whole(number) for name, number in _some(value).items()}
    except ValueError as error:
        raise ValueError(f"{error}; {_COUNTS}") from None
    if min(found.values()) < 1:
        raise ValueError(f"{shown(value)}: every queue needs at least 1")
    return found


def _pair(text: str) -> tuple[str, str]:
    """Return a queue's name, and its number where it has one."""
    name, *number = _NUMBERED.split(text.strip(), maxsplit=1)
    return name, "".join(number)


def _some(value: T) -> T:
    if not value:
        raise ValueError("it names no queue; write at least one")
    return value


def one_of(label: str, choices: Iterable[str]) -> ValueKind:
    """Return the kind of a setting that takes one of these words."""
    known = tuple(choices)

    def parse(value: Any) -> str:
        word = text(value).lower()
        if word not in known:
            raise ValueError(f"{shown(value)} is unknown; {did_you_mean(word, known)}")
        return word

    return ValueKind(label, parse)


DURATION = ValueKind("duration", units.read_seconds, units.show_seconds)
SIZE = ValueKind("size", units.size, units.show_size)
WHOLE = ValueKind("number", whole)
TEXT = ValueKind("text", text)
PREFIX = ValueKind("text", prefix)
APP = ValueKind("MODULE:APP", app_path)
QUEUE = ValueKind("queue", queue)
QUEUES = ValueKind("queue,...", queues, show_queues)
COUNTS = ValueKind(
    "queue=n,...", counts, lambda value: ",".join(f"{k}={n}" for k, n in value.items())
)
PRIORITY = one_of("priority", (priority.label for priority in Priority))
LOG_LEVEL = one_of("level", ("debug", "info", "warning", "error", "critical"))
LOG_FORMAT = one_of("form", ("people", "json"))
REDIS_URL = ValueKind("URL", urls.redis_url)
DATABASE_URL = ValueKind("URL", urls.database_url)
