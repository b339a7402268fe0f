"""Makes and checks the names that users and clients choose: ids, queues, job names."""

import os
import re
from datetime import UTC, datetime

from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.suggest import shown

_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
LONGEST_KEY = 200
_JOB_ID = re.compile(r"[!-~]{1,200}")


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_DRAWN = 256  # ids for which random bits are drawn at once: asking the kernel for each takes longer

_random: list[str] = []
# A child of a fork would make the ids of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.clear)
_begin: tuple[int, str] = (-1, "")  # the last time, and how the ids of that begin


def uuid7(now_ms: int) -> str:
    """Return a new time-ordered id (RFC 9562, version 7) as text.

    The id is unique whatever the clock says; its time only helps sorting.
    """
    global _begin  # noqa: PLW0603 - threads may replace it at any time, each by a whole one
    last, begin = _begin
    if last != now_ms:
        time = f"{now_ms:012x}"
        begin = f"{time[:8]}-{time[8:]}-7"
        _begin = now_ms, begin
    try:
        rest = _random.pop()
    except IndexError:
        drawn = os.urandom(10 * _DRAWN).hex()
        _random.extend(drawn[i : i + 20] for i in range(20, len(drawn), 20))
        rest = drawn[:20]
    return f"{begin}{rest[:3]}-{_VARIANT[rest[3]]}{rest[4:7]}-{rest[7:19]}"


def minted(token: str) -> datetime:
    """Return the time in a uuid7, to the millisecond: when a delivery was handed out."""
    return datetime.fromtimestamp(int(token[:8] + token[9:13], 16) / 1000, UTC)


def check_queue(queue: object) -> str:
    """Return ``queue`` if it can name one.

    Raises:
        InvalidJob: It can't; the message says what would do.
    """
    if not isinstance(queue, str) or not _QUEUE.fullmatch(queue):
        raise InvalidJob(
            "queue",
            f"{shown(queue)} can't name a queue: it begins with a letter or digit and has at most "
            "64 of letters, digits and '_.-'",
        )
    return queue


def check_name(name: object) -> str:
    """Return ``name`` if it can name a job's handler.

    Raises:
        InvalidJob: It can't; the message says what would do.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidJob(
            "name",
            f"{shown(name)} can't name a job: it begins with a letter, digit or '_' and has at "
            "most 128 of letters, digits and '_.:/-'",
        )
    return name


def check_key(option: str, key: object) -> str:
    """Return ``key`` if it can be one: of a lock, or for idempotency.

    Raises:
        InvalidJob: It can't; the message says what would do.
    """
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidJob(
            option, f"{shown(key)} can't be a key: 1 to {LONGEST_KEY} printable characters"
        )
    return key


def check_job_id(job_id: object) -> str:
    """Return ``job_id`` if it can be one.

    Raises:
        InvalidJob: It can't; the message says what would do.
    """
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise InvalidJob(
            "job_id",
            f"{shown(job_id)} can't be an id: 1 to 200 printable ASCII characters, no space",
        )
    return job_id
