"""What each command prints of one and the same installation; a change shows in the review.

Ids, times, durations and hosts differ from run to run: words stand for them.
``scripts/test tests/acceptance/test_snapshots.py --snapshot-update`` writes what stands now.
"""

import re
from collections.abc import Iterator
from itertools import count

from syrupy.assertion import SnapshotAssertion

from tests.acceptance.system import System
from tests.support import wait_until_sync

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORDS = [
    (re.compile(r'File "[^"]*/'), 'File "/'),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b[\w.-]+-\d+-[0-9a-f]{8}\b"), "WORKER"),
    (re.compile(r"\b(\d+(\.\d+)? ?(ms|s|min|m|h|d))+\b"), "DURATION"),
    (re.compile(r"\b\d+(\.\d+)? ([KMG]i)?B\b"), "SIZE"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"\b\d+(\.\d+)?/s"), "RATE"),
    (re.compile(r"\w+@[\w.-]+"), "PERSON"),
    (re.compile(r" {2,}"), "  "),  # columns are as wide as what stands in them
    (re.compile(r"-{3,}"), "---"),
]


def settled(text: str, ids: dict[str, str]) -> str:
    """Return what a command printed without what differs from run to run."""
    text = _ID.sub(lambda found: ids.setdefault(found[0], f"ID-{len(ids) + 1}"), text)
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def installation(system: System) -> Iterator[tuple[str, ...]]:
    """Make one, and return the commands that look at it, in their order."""
    system.scheduler()
    system.worker("failing", "--queues", "default")
    numbers = count(1)
    done = system.enqueue("flaky", 0)
    system.finals(next(numbers))
    dead = system.enqueue("hopeless", "no such mailbox")
    system.finals(next(numbers))
    wait_until_sync(
        lambda: [each["done"] for each in system.queue.living_sync("worker")] == [2],
        description="the worker has said what it did",
    )
    job = ("enqueue", "flaky", "--args", "[0]")
    late = system.run(*job, "--delay", "1h", "--tag", "nightly").out.strip()
    lost = system.run(*job, "--queue", "nowhere").out.strip()
    system.run("pause", "default", "--reason", "deployment")
    held = system.enqueue("flaky", 0)
    yearly = ("--args", "[0]", "--cron", "0 3 1 1 *", "--timezone", "UTC")
    yield "schedules", "add", "report", "flaky", *yearly
    for each in (done, dead, late, lost, held):
        yield "why", each
        yield "jobs", "show", each
    yield "jobs", "list"
    yield ("queues",)
    yield "queues", "--by", "name"
    yield "workers", "list"
    yield "stats", "--since", "1h"
    yield ("pauses",)
    yield "limits", "show"
    yield "dlq", "list"
    yield "dlq", "list", "--by", "error"
    yield "dlq", "show", dead
    yield "dlq", "retry", "--all", "--dry-run"
    yield "schedules", "list"
    yield "schedules", "show", "report"
    yield "schedules", "next", "report"
    yield "schedules", "audit"
    yield "purge", "nowhere", "--dry-run"
    yield "jobs", "delete", done, "--yes"
    yield "jobs", "cancel", done
    yield "jobs", "priority", lost, "high"
    yield "jobs", "run-now", late
    yield "resume", "default"
    yield "resume", "default"
    yield "why", "nobody"


def test_what_commands_print(system: System, snapshot: SnapshotAssertion) -> None:
    """Text, and exit code where it is not 0."""
    ids: dict[str, str] = {}
    seen = []
    for command in installation(system):
        ended = system.run(*command, COLUMNS="160")
        code = f" (exits {ended.code})" if ended.code else ""
        said = settled(f"{ended.out}\n{ended.err}", ids).strip()
        seen.append(f"$ jobqueue {settled(' '.join(command), ids)}{code}\n{said}\n")
    assert "\n".join(seen) == snapshot
