"""How long after each fault things went on."""

from collections.abc import Iterator

from scripts.faults.catalogue import FAULTS
from scripts.faults.oracles import explained
from scripts.faults.registry import Injection
from scripts.faults.truth import Truth


def seconds(truth: Truth, injection: Injection) -> float | None:
    """Return the seconds until things went on; None when nothing had stopped.

    A process that died or stood still: from then until all that it had in hand had begun
    again. Anything else: from the end of the fault to the first job that ended, row
    that arrived, or job that the producer was told of.
    """
    match FAULTS[injection.fault].recovery:
        case "held":
            return max(_held(truth, injection), default=None)
        case "jobs":
            return _since(injection.ended, (row.finished for row in truth.rows if row.final))
        case "producer":
            asked = (job.asked + truth.epoch for job in truth.jobs.values())
            return _since(injection.ended, asked)
    recovered = injection.recovered
    return None if recovered is None else recovered - injection.ended


def _held(truth: Truth, injection: Injection) -> Iterator[float]:
    """Return how long each job waited that the process had in hand."""
    for second in explained.seconds(truth):
        if second.by is injection:
            later = [row for row in truth.rows_of[second.job_id] if row.delivery > second.delivery]
            yield from ((row.started or row.finished) - injection.began for row in later[:1])


def _since(moment: float, times: Iterator[float]) -> float | None:
    return min((at - moment for at in times if at >= moment), default=None)
