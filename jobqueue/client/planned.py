"""Makes a schedule of a job that was checked; those of code and stored ones are made alike."""

from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.ids import check_name
from jobqueue.domain.plans import Plan
from jobqueue.domain.timing import Timing


def plan_of(
    name: str, timing: Timing, prepared: Prepared, lock: str | None, *, declared: bool
) -> Plan:
    """Return a schedule.

    Args:
        name: Its name.
        timing: When it is due.
        prepared: The job that each occurrence becomes.
        lock: The lock key of these jobs.
        declared: Whether it is in code.

    Raises:
        ConfigurationError: The name can't be one, the timing is wrong, or the job has a time of
            its own.
    """
    timing.rule()
    timing.policy()
    if prepared.job.delay_ms is not None or prepared.job.at_ms is not None:
        raise ConfigurationError(f"schedule {name!r}: its jobs can't have a delay or a run_at")
    try:
        label = check_name(name)
    except InvalidJob as error:
        raise ConfigurationError(f"schedule: {error}") from error
    return Plan(
        name=label,
        job=prepared.job.name,
        queue=prepared.queue,
        priority=prepared.job.priority,
        spec=prepared.spec,
        timing=timing,
        asks=prepared.job.asks,
        lock=lock,
        declared=declared,
    )
