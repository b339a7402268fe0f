"""Errors become one line and an exit code."""

import inspect

import pytest

from jobqueue.broker.failures import AnswerLost
from jobqueue.cli.errors import exit_code, report
from jobqueue.domain import errors
from jobqueue.domain.errors import JobQueueError

CODES = {
    "JobQueueError": 1,
    "ConfigurationError": 2,
    "InvalidJob": 2,
    "JobExists": 4,
    "DuplicateJob": 4,
    "IdempotencyConflict": 4,
    "QueueFull": 4,
    "JobConflict": 4,
    "JobNotFound": 3,
    "DeadLetterNotFound": 3,
    "EnqueueUncertain": 5,
    "LeaseLost": 1,
    "NotReplicated": 1,
    "RedriveConflict": 4,
    "ResultGone": 3,
    "ResultTimeout": 1,
    "JobCancelled": 1,
    "JobExpired": 1,
    "JobFailed": 1,
    "BrokerUnavailable": 5,
    "BrokerError": 1,
    "HistoryUnavailable": 5,
    "HistoryError": 1,
    "ScheduleConflict": 4,
    "ScheduleNotFound": 3,
    "SchemaMismatch": 1,
    "NoCurrentJob": 1,
    "WorkerNotFound": 3,
    "WorkerQuiet": 4,
    "WorkerSilent": 1,
    "Permanent": 1,
    "RetryAfter": 1,
    "Snooze": 1,
}
CLASSES = {
    name: found
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, JobQueueError) and not name.startswith("_")
}


def test_every_error_is_decided() -> None:
    """A new error class must be given its exit code here, on purpose."""
    assert {name: exit_code(made.__new__(made)) for name, made in CLASSES.items()} == CODES


def test_derived_error() -> None:
    """An error that is made from one of ours exits like it."""
    assert exit_code(AnswerLost("lost")) == 5


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.JobNotFound("j1"), "jobqueue: job j1 was not found\n"),
        (errors.InvalidJob("queue", "wrong"), "jobqueue: queue: wrong\n"),
        (errors.BrokerUnavailable("no\nroute"), "jobqueue: no route\n"),
        (errors.SchemaMismatch(), "jobqueue: SchemaMismatch\n"),
    ],
)
def test_one_line(capsys: pytest.CaptureFixture[str], error: JobQueueError, line: str) -> None:
    """A message is one line, also when a server's answer has several."""
    assert report(error, debug=False) == exit_code(error)
    assert capsys.readouterr() == ("", line)
