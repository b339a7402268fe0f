"""The tables of schema ``jobqueue`` as SQLAlchemy Core knows them.

The migrations in ``alembic/versions`` make them; a test compares both. NULL means "none"
or "unknown" in every column. Columns of fixed width come first, so that no row is padded.
There are no foreign keys: a history row outlives what it speaks of, and partitions go whole.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Enum,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from jobqueue.domain.executions import DEAD_OUTCOMES
from jobqueue.domain.jobs import Priority

SCHEMA = "jobqueue"

REVISION = "0005"
"""The migration that this version of the package reads and writes."""

metadata = MetaData(schema=SCHEMA)

# An enum sorts by urgency where text would sort by alphabet, and takes 4 bytes.
priority = Enum(
    Priority,
    values_callable=lambda kinds: [each.label for each in kinds],
    name="priority",
    schema=SCHEMA,
)
moment = TIMESTAMP(timezone=True)

job_executions = Table(
    "job_executions",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("enqueued_at", moment, nullable=False),
    Column("ready_at", moment, nullable=False),
    Column("started_at", moment),
    Column("finished_at", moment, nullable=False),
    Column("retry_at", moment),
    Column("run", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("delivery", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("priority", priority, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("worker", Text),
    Column("code_version", Text),
    Column("arguments", JSONB, nullable=False),
    Column("metadata", JSONB),
    Column("tags", ARRAY(Text)),
    Column("result", JSONB),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("traceback", Text),
    Column("error_fingerprint", Text),
    postgresql_partition_by="RANGE (id)",
)

# Each index costs the recorder 1 to 2 µs of server CPU a row, where a row without any costs 8.
# All of one job: `jobs show`, results after Redis forgot them.
Index("job_executions_job_id", job_executions.c.job_id)
# One name over time: its failures, its slowest runs, its share of v_job_stats.
Index("job_executions_name_finished", job_executions.c.name, job_executions.c.finished_at)
# Latest ends of jobs, and any time range over all names; its inserts are at the right edge.
Index(
    "job_executions_final_finished",
    job_executions.c.finished_at,
    postgresql_where=job_executions.c.final,
)

# Failing rows only: `v_failures` counts them without reading a row.
Index(
    "job_executions_failed",
    job_executions.c.name,
    job_executions.c.error_fingerprint,
    job_executions.c.finished_at,
    postgresql_where=job_executions.c.outcome.in_(sorted(DEAD_OUTCOMES)),
)
# Redriven jobs only, so mostly empty: whether a job ended once more, for `v_jobs`.
Index(
    "job_executions_redriven",
    job_executions.c.job_id,
    job_executions.c.run,
    postgresql_where=job_executions.c.final & (job_executions.c.run > 0),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("execution_id", Uuid(as_uuid=False), primary_key=True),
    Column("enqueued_at", moment, nullable=False),
    Column("failed_at", moment, nullable=False),
    Column("redriven_at", moment),
    Column("deleted_at", moment),
    Column("run", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("priority", priority, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("arguments", JSONB, nullable=False),
    Column("metadata", JSONB),
    Column("tags", ARRAY(Text)),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("traceback", Text),
    Column("spec", LargeBinary, nullable=False),
    Column("error_fingerprint", Text),
    # The row of operator_log whose command put it back or deleted it.
    Column("closed_by", Uuid(as_uuid=False)),
)

OPEN = dead_letters.c.redriven_at.is_(None) & dead_letters.c.deleted_at.is_(None)
# Lists show open letters by the time of failure, page by page; redriven ones pile up beside them.
for _name, _leading in (
    ("dead_letters_open_failed", ()),
    ("dead_letters_open_name_failed", (dead_letters.c.name,)),
    ("dead_letters_open_queue_failed", (dead_letters.c.queue,)),
    ("dead_letters_open_error_failed", (dead_letters.c.error_fingerprint,)),
    ("dead_letters_open_type_failed", (dead_letters.c.error_type,)),
):
    Index(
        _name,
        *_leading,
        dead_letters.c.failed_at,
        dead_letters.c.execution_id,
        postgresql_where=OPEN,
    )
# "Did this job die, and was it put back?"
Index("dead_letters_job_id", dead_letters.c.job_id)
# What an operator's command came to.
Index(
    "dead_letters_closed_by",
    dead_letters.c.closed_by,
    postgresql_where=dead_letters.c.closed_by.is_not(None),
)

# A trigger refuses changes; only retention removes rows.
operator_log = Table(
    "operator_log",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("at", moment, nullable=False, server_default=func.now()),
    Column("operator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("queue", Text),
    Column("job_id", Text),
    Column("filter", JSONB),
    Column("reason", Text),
    Column("details", JSONB),
)
Index("operator_log_at", operator_log.c.at)

# ``history.rollups`` says how these are kept: what each hour that ended came to.
unrolled = Table(
    "unrolled",
    metadata,
    Column("since", moment, primary_key=True),
    Column("until", moment, nullable=False),
    Column("marks", Integer, nullable=False),
)

_percentiles = ARRAY(Double)  # of 50, 95 and 99 in 100, in seconds

hourly_jobs = Table(
    "hourly_jobs",
    metadata,
    Column("hour", moment, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("name", Text, primary_key=True),
    Column("wait", _percentiles),
    Column("run", _percentiles),
    Column("run_sum", Double),
)
hourly_queues = Table(
    "hourly_queues",
    metadata,
    Column("hour", moment, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("wait_max", Double, nullable=False),
    Column("priority", priority, primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("wait", _percentiles, nullable=False),
)
hourly_workers = Table(
    "hourly_workers",
    metadata,
    Column("hour", moment, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("busy", Double, nullable=False),
    Column("worker", Text, primary_key=True),
)
hourly_slowest = Table(
    "hourly_slowest",
    metadata,
    Column("hour", moment, primary_key=True),
    Column("finished_at", moment, nullable=False),
    Column("run_seconds", Double, nullable=False),
    Column("rank", Integer, primary_key=True),
    Column("execution_id", Uuid(as_uuid=False), nullable=False),
    Column("name", Text, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("worker", Text),
)
HOURLY = (hourly_jobs, hourly_queues, hourly_workers, hourly_slowest)
# The other key begins with the name; these serve a range of time over all names.
for _each in HOURLY:
    Index(f"{_each.name}_hour", _each.c.hour)

# Schedules that were added at run time, and those that code declares, as schedulers saw them.
schedules = Table(
    "schedules",
    metadata,
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("since", moment),
    Column("paused_at", moment),
    Column("seen_at", moment),
    Column("priority", priority, nullable=False),
    Column("declared", Boolean, nullable=False),
    Column("asks", Boolean, nullable=False),
    Column("name", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("lock", Text),
    Column("timing", JSONB, nullable=False),
    Column("arguments", JSONB, nullable=False),
    Column("paused_by", Text),
    Column("pause_reason", Text),
    Column("spec", LargeBinary, nullable=False),
)
schedule_occurrences = Table(
    "schedule_occurrences",
    metadata,
    Column("occurrence", moment, primary_key=True),
    Column("due_at", moment, nullable=False),
    Column("decided_at", moment, nullable=False),
    Column("since", moment),
    Column("triggered", Boolean, primary_key=True),
    Column("schedule", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("job_id", Text),
    Column("queue", Text, nullable=False),
    Column("name", Text, nullable=False),
)
# Everything of a stretch of time, and what retention deletes.
Index("schedule_occurrences_occurrence", schedule_occurrences.c.occurrence)
# Those that were skipped are few among many that were enqueued.
Index(
    "schedule_occurrences_outcome",
    schedule_occurrences.c.outcome,
    schedule_occurrences.c.occurrence,
)
