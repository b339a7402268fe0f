"""What commands say on stderr about a name that may be misspelt.

One rule: a hint is never the reason why a command fails.
"""

import re
from collections.abc import Collection
from contextlib import suppress

from jobqueue.app import JobQueue
from jobqueue.cli.errors import say
from jobqueue.domain import fleet
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.suggest import nearest

_LABEL_OF_JOB = re.compile(r"(?:limit|rate):job:([^:]\S*)")


def new_queue(app: JobQueue, queue: str) -> None:
    """Say that a queue has never had a job, if that is so."""
    with suppress(BrokerUnavailable, BrokerError):
        known = [each.name for each in app.queue_counts_sync()]
        if queue not in known:
            say(never_had(queue, known))


def never_had(queue: str, known: Collection[str]) -> str:
    """Return that a queue has never had a job, and which was probably meant."""
    return f"queue {queue} has never had a job{maybe(queue, known)}"


def unknown_job(app: JobQueue, label: str) -> None:
    """Say that no living worker knows the job whose limit a label names, if that is so."""
    match = _LABEL_OF_JOB.fullmatch(label)
    if match is None:
        return
    with suppress(BrokerUnavailable, BrokerError):
        known = {name for each in app.living_sync("worker") for name in each["names"]}
        if match[1] not in known:
            say(f"no live worker knows {match[1]}{maybe(match[1], known)}")


def not_served(app: JobQueue, job: str, queue: str) -> None:
    """Say that no live worker serves a queue, or that none there knows a job, if that is so."""
    with suppress(BrokerUnavailable, BrokerError):
        workers = app.living_sync("worker")
        serving = fleet.serving(workers, queue)
        if not serving:
            known = {each for worker in workers for each in worker["queues"]}
            say(f"no live worker serves queue {queue}{maybe(queue, known)}")
            return
        names = {name for each in serving for name in each["names"]}
        if job not in names:
            say(f"no live worker of queue {queue} knows {job}{maybe(job, names)}")


def maybe(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence that names the nearest known name; empty where none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
