"""jobqueue: Redis Streams as the broker, PostgreSQL as the memory."""

from jobqueue.app import JobQueue
from jobqueue.client.declared import Job, JobCall
from jobqueue.client.handle import JobHandle, Status
from jobqueue.client.lookups import FoundJob
from jobqueue.client.prepared import JobOptions, Prepared
from jobqueue.client.redrive import Retried
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
from jobqueue.domain.retry import Backoff, Jitter, Retry
from jobqueue.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Backoff",
    "BrokerError",
    "BrokerUnavailable",
    "ConfigurationError",
    "CurrentJob",
    "DeadLetterNotFound",
    "EnqueueUncertain",
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
