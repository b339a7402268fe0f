"""What a worker is told."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.broker.messages import Rule
from jobqueue.domain.retry import Retry
from jobqueue.worker.attempt import Limits
from jobqueue.worker.queues import QueueOrder


class WorkerOptions(msgspec.Struct, frozen=True):
    """What a worker is told; seconds and bytes."""

    queues: QueueOrder
    most_of: Mapping[str, int]  # jobs of a queue at once, where there is a bound
    concurrency: int
    threads: int
    grace: float
    lease: float
    crash_budget: int
    journal_bytes: int
    retry: Retry
    limits: Limits
    code_version: str
    rules: Mapping[str, Sequence[Rule]]  # what code declares, by queue
    blocked_limit: float | None = None  # time for which the loop may be blocked
    fetch_patience: float = 30.0  # time without a fetch that worries, while Redis answers
    check: Callable[[], Coroutine[Any, Any, None]] | None = None  # ends in an error, or never
