"""jobqueue: Redis Streams as the broker, PostgreSQL as the memory."""

from jobqueue.app import JobQueue
from jobqueue.client.declared import Job, JobCall
from jobqueue.client.handle import JobHandle, Status
from jobqueue.client.options import JobOptions
from jobqueue.client.prepared import Prepared
from jobqueue.domain.context import CurrentJob, current_job
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    DeadLetterNotFound,
    EnqueueUncertain,
    HistoryUnavailable,
    InvalidJob,
    JobCancelled,
    JobExists,
    JobExpired,
    JobFailed,
    JobNotFound,
    JobQueueError,
    LeaseLost,
    NoCurrentJob,
    Permanent,
    RedriveConflict,
    ResultGone,
    ResultTimeout,
    RetryAfter,
    SchemaMismatch,
    Snooze,
)
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.retry import Backoff, Jitter, Retry
from jobqueue.domain.views import DeadLetter, ExecutionView, FoundJob, QueueView, Retried
from jobqueue.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Backoff",
    "BrokerError",
    "BrokerUnavailable",
    "ConfigurationError",
    "CurrentJob",
    "DeadLetter",
    "DeadLetterNotFound",
    "EnqueueUncertain",
    "ExecutionView",
    "Failure",
    "FoundJob",
    "HistoryUnavailable",
    "InvalidJob",
    "Jitter",
    "Job",
    "JobCall",
    "JobCancelled",
    "JobExists",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobOptions",
    "JobQueue",
    "JobQueueError",
    "LeaseLost",
    "NoCurrentJob",
    "Permanent",
    "Prepared",
    "Priority",
    "QueueView",
    "RedriveConflict",
    "ResultGone",
    "ResultTimeout",
    "Retried",
    "Retry",
    "RetryAfter",
    "SchemaMismatch",
    "Settings",
    "Snooze",
    "State",
    "Status",
    "current_job",
]
