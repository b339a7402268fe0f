"""jobqueue: Redis Streams as the broker, PostgreSQL as the memory."""

from jobqueue import _interrupt
from jobqueue.app import JobQueue
from jobqueue.client.declared import Job, JobCall
from jobqueue.client.handle import JobHandle, Status
from jobqueue.client.options import JobOptions
from jobqueue.client.prepared import Draft, Prepared
from jobqueue.domain.binding import LiveCheck, Misfit, MisfitExample
from jobqueue.domain.checkup import (
    Checkup,
    Finding,
    PostgresFacts,
    RedisFacts,
    Severity,
    TableFacts,
)
from jobqueue.domain.context import CurrentJob, Progress, current_job
from jobqueue.domain.entries import LogEntry, LogFilter
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
    ScheduleConflict,
    ScheduleNotFound,
    SchemaMismatch,
    Snooze,
    WorkerNotFound,
    WorkerQuiet,
    WorkerSilent,
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
from jobqueue.domain.listing import JobFilter, JobPage
from jobqueue.domain.operations import Swept
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.pauses import Pause
from jobqueue.domain.plans import Occurrence, ScheduleView, Upcoming
from jobqueue.domain.retry import Backoff, Jitter, Retry
from jobqueue.domain.signals import Signal
from jobqueue.domain.stats import NameStats, QueueStats, Stats
from jobqueue.domain.timing import Timing
from jobqueue.domain.unique import Unique
from jobqueue.domain.views import (
    DeadLetter,
    ExecutionView,
    FoundJob,
    LimitView,
    QueueView,
    Retried,
)
from jobqueue.domain.why import Reason, Why
from jobqueue.domain.workers import RunningJob, WorkerView
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
    "Checkup",
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
    "Finding",
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
    "JobFilter",
    "JobHandle",
    "JobNotFound",
    "JobOptions",
    "JobPage",
    "JobQueue",
    "JobQueueError",
    "LeaseLost",
    "LetterFilter",
    "LetterGroup",
    "Lifespan",
    "Limit",
    "LimitView",
    "LiveCheck",
    "LogEntry",
    "LogFilter",
    "Misfit",
    "MisfitExample",
    "NameStats",
    "NoCurrentJob",
    "NotReplicated",
    "Occurrence",
    "Pause",
    "Permanent",
    "PostgresFacts",
    "Prepared",
    "Priority",
    "Progress",
    "QueueFull",
    "QueueStats",
    "QueueView",
    "Rate",
    "Reason",
    "RedisFacts",
    "Redrive",
    "RedriveConflict",
    "ResultGone",
    "ResultTimeout",
    "Retried",
    "Retry",
    "RetryAfter",
    "RunningJob",
    "ScheduleConflict",
    "ScheduleNotFound",
    "ScheduleView",
    "SchemaMismatch",
    "Settings",
    "Severity",
    "Signal",
    "Snooze",
    "State",
    "Stats",
    "Status",
    "Swept",
    "TableFacts",
    "Timing",
    "Unique",
    "Upcoming",
    "Why",
    "WorkerNotFound",
    "WorkerQuiet",
    "WorkerSilent",
    "WorkerView",
    "current_job",
]
