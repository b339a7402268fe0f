"""What living services say of themselves, put into numbers; it is for people and decides nothing.

Every service says it once in a third of a lease, so numbers are some seconds old. A field that an
older version does not send counts as unknown, never as zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobqueue.domain.partitions import queue_of

Said = Mapping[str, Any]


def of_role(living: Iterable[Said], role: str) -> list[Said]:
    """Return the services of a role; a scheduler that writes the history is a recorder too."""
    if role == "recorder":
        return [each for each in living if role in (each["role"], *each.get("duties", ()))]
    return [each for each in living if each["role"] == role]


def serving(workers: Iterable[Said], place: str) -> list[Said]:
    """Return the workers that take jobs from a queue, or from a partition of one."""
    queue = queue_of(place)
    among = [each for each in workers if queue in each["queues"]]
    return [each for each in among if place == queue or queue in each.get("partitions", ())]


def rate(workers: Iterable[Said], queue: str) -> float | None:
    """Return how many attempts of a queue ended in a second, over the last minute.

    Returns:
        ``None`` where nobody who serves the queue says.
    """
    said = [each["rates"] for each in workers if queue in each["queues"] and "rates" in each]
    return sum(rates.get(queue, 0.0) for rates in said) if said else None


def slots(workers: Sequence[Said]) -> tuple[int, int]:
    """Return how many slots are taken, and how many there are."""
    return sum(each["running"] for each in workers), sum(each["concurrency"] for each in workers)
