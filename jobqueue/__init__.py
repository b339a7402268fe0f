"""jobqueue: Redis Streams as the broker, PostgreSQL as the memory."""

from jobqueue import _interrupt
from jobqueue.app import JobQueue
from jobqueue.client.declared import Job, JobCall
from jobqueue.client.handle import JobHandle, Status
from jobqueue.client.options import JobOptions
from jobqueue.client.prepared import Draft, Prepared
from jobqueue.domain.context import CurrentJob, Progress, current_job
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    DeadLetterNotFound,
    DuplicateJob,
    EnqueueUncertain,
    HistoryError,
    HistoryUnavailable,
    IdempotencyConflict,
    InvalidJob,
    JobCancelled,
    JobConflict,
    JobExists,
    JobExpired,
    JobFailed,
    JobNotFound,
    JobQueueError,
    LeaseLost,
    NoCurrentJob,
    NotReplicated,
    Permanent,
    QueueFull,
    RedriveConflict,
    ResultGone,
    ResultTimeout,
    RetryAfter,
    SchemaMismatch,
    Snooze,
)
from jobqueue.domain.extensions import JobEvent, Lifespan
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.letters import (
    Canary,
    CanaryOutcome,
    Deleted,
    LetterFilter,
    LetterGroup,
    Redrive,
)
from jobqueue.domain.limits import Limit, Rate
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.retry import Backoff, Jitter, Retry
from jobqueue.domain.signals import Signal
from jobqueue.domain.unique import Unique
from jobqueue.domain.views import (
    DeadLetter,
    ExecutionView,
    FoundJob,
    LimitView,
    QueueView,
    Retried,
)
from jobqueue.handler_options import HandlerOptions
from jobqueue.settings import Settings

__version__ = "0.1.0"

_interrupt.be_heard()

__all__ = [
    "Backoff",
    "BrokerError",
    "BrokerUnavailable",
    "Canary",
    "CanaryOutcome",
    "ConfigurationError",
    "CurrentJob",
    "DeadLetter",
    "DeadLetterNotFound",
    "Deleted",
    "Draft",
    "DuplicateJob",
    "EnqueueUncertain",
    "ExecutionView",
    "Failure",
    "FoundJob",
    "HandlerOptions",
    "HistoryError",
    "HistoryUnavailable",
    "IdempotencyConflict",
    "InvalidJob",
    "Jitter",
    "Job",
    "JobCall",
    "JobCancelled",
    "JobConflict",
    "JobEvent",
    "JobExists",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobOptions",
    "JobQueue",
    "JobQueueError",
    "LeaseLost",
    "LetterFilter",
    "LetterGroup",
    "Lifespan",
    "Limit",
    "LimitView",
    "NoCurrentJob",
    "NotReplicated",
    "Permanent",
    "Prepared",
    "Priority",
    "Progress",
    "QueueFull",
    "QueueView",
    "Rate",
    "Redrive",
    "RedriveConflict",
    "ResultGone",
    "ResultTimeout",
    "Retried",
    "Retry",
    "RetryAfter",
    "SchemaMismatch",
    "Settings",
    "Signal",
    "Snooze",
    "State",
    "Status",
    "Unique",
    "current_job",
]
