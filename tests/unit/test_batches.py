"""What a producer is told when several of his calls went wrong."""

from jobqueue import BrokerUnavailable, EnqueueUncertain, InvalidJob
from jobqueue.client.batches import gravest


def test_jobs_in_doubt_count_most() -> None:
    """Those of all calls are named, each once, whatever became of the other calls."""
    doubts = [EnqueueUncertain("a", "b"), EnqueueUncertain("c"), EnqueueUncertain("b")]
    doubts[0].__cause__ = cause = ConnectionError()
    told = gravest([BrokerUnavailable("away"), doubts[0], InvalidJob("x", "y"), *doubts[1:]])
    assert isinstance(told, EnqueueUncertain)
    assert told.job_ids == ("a", "b", "c")
    assert told.__cause__ is cause


def test_else_the_first() -> None:
    """Without a doubt it is what went wrong first."""
    first = BrokerUnavailable("away")
    assert gravest([first, InvalidJob("x", "y")]) is first
