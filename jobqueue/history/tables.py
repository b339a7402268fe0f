"""The tables of schema ``jobqueue`` as SQLAlchemy Core knows them.

The migrations in ``alembic/versions`` make them; a test compares both. NULL means "none"
or "unknown" in every column. Columns of fixed width come first, so that no row is padded.
There are no foreign keys: a history row outlives what it speaks of, and partitions go whole.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Enum,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from jobqueue.domain.jobs import Priority

SCHEMA = "jobqueue"

REVISION = "0001"
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
)

OPEN = dead_letters.c.redriven_at.is_(None) & dead_letters.c.deleted_at.is_(None)
# Lists show open letters, newest first, page by page; redriven ones pile up beside them.
Index("dead_letters_open", dead_letters.c.execution_id, postgresql_where=OPEN)
Index(
    "dead_letters_open_name",
    dead_letters.c.name,
    dead_letters.c.execution_id,
    postgresql_where=OPEN,
)
# "Did this job die, and was it put back?"
Index("dead_letters_job_id", dead_letters.c.job_id)
