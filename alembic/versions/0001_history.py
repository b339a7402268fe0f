"""Executions, dead letters and their views.

Revision 0001, after nothing.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TYPE jobqueue.priority AS ENUM ('critical', 'high', 'normal', 'low');

CREATE TABLE jobqueue.job_executions (
    id uuid PRIMARY KEY,
    enqueued_at timestamptz NOT NULL,
    ready_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    retry_at timestamptz,
    run integer NOT NULL,
    attempt integer NOT NULL,
    delivery integer NOT NULL,
    crashes integer NOT NULL,
    priority jobqueue.priority NOT NULL,
    final boolean NOT NULL,
    job_id text NOT NULL,
    queue text NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    reason text,
    worker text,
    code_version text,
    arguments jsonb NOT NULL,
    metadata jsonb,
    tags text[],
    result jsonb,
    error_type text,
    error_message text,
    traceback text
) PARTITION BY RANGE (id);

CREATE INDEX job_executions_job_id ON jobqueue.job_executions (job_id);
CREATE INDEX job_executions_name_finished ON jobqueue.job_executions (name, finished_at);
CREATE INDEX job_executions_final_finished ON jobqueue.job_executions (finished_at) WHERE final;

CREATE TABLE jobqueue.dead_letters (
    execution_id uuid PRIMARY KEY,
    enqueued_at timestamptz NOT NULL,
    failed_at timestamptz NOT NULL,
    redriven_at timestamptz,
    deleted_at timestamptz,
    run integer NOT NULL,
    attempts integer NOT NULL,
    crashes integer NOT NULL,
    priority jobqueue.priority NOT NULL,
    job_id text NOT NULL,
    queue text NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    reason text,
    arguments jsonb NOT NULL,
    metadata jsonb,
    tags text[],
    error_type text,
    error_message text,
    traceback text,
    spec bytea NOT NULL
);

CREATE INDEX dead_letters_open ON jobqueue.dead_letters (execution_id)
    WHERE redriven_at IS NULL AND deleted_at IS NULL;
CREATE INDEX dead_letters_open_name ON jobqueue.dead_letters (name, execution_id)
    WHERE redriven_at IS NULL AND deleted_at IS NULL;
CREATE INDEX dead_letters_job_id ON jobqueue.dead_letters (job_id);
"""

# An id begins with its milliseconds: a month (UTC) is a range of ids. No per cent signs:
# `alembic --sql` would print them doubled.
PARTITIONS = """
DO $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    bounds uuid[];
BEGIN
    FOR step IN 0..2 LOOP
        SELECT array_agg(rpad(lpad(to_hex(
            (extract(epoch FROM this_month + make_interval(months => n)) * 1000)::bigint
        ), 12, '0'), 32, '0')::uuid ORDER BY n)
        INTO bounds FROM generate_series(step, step + 1) AS n;
        EXECUTE 'CREATE TABLE jobqueue.'
            || to_char(this_month + make_interval(months => step), '"job_executions_"YYYY_MM')
            || ' PARTITION OF jobqueue.job_executions FOR VALUES FROM ('
            || quote_literal(bounds[1]) || ') TO (' || quote_literal(bounds[2]) || ')';
    END LOOP;
END $$;
"""

VIEWS = """
CREATE VIEW jobqueue.v_executions AS
SELECT
    job_id, run, attempt, delivery, name, queue, priority, outcome, reason, final,
    error_type, error_message, traceback,
    arguments, result, metadata, tags,
    enqueued_at, ready_at, started_at, finished_at, retry_at,
    extract(epoch FROM started_at - ready_at)::double precision AS wait_seconds,
    extract(epoch FROM finished_at - started_at)::double precision AS run_seconds,
    worker, code_version, crashes, id AS execution_id
FROM jobqueue.job_executions;

CREATE VIEW jobqueue.v_job_stats AS
SELECT
    name, hour, runs, failures,
    wait[1] AS wait_p50_seconds, wait[2] AS wait_p95_seconds, wait[3] AS wait_p99_seconds,
    run[1] AS run_p50_seconds, run[2] AS run_p95_seconds, run[3] AS run_p99_seconds
FROM (
    SELECT
        name,
        date_bin('1 hour', finished_at, TIMESTAMPTZ '2000-01-01 00:00+00') AS hour,
        count(*) AS runs,
        count(*) FILTER (WHERE outcome IN ('failed', 'timed_out', 'lost')) AS failures,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY wait_seconds) AS wait,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY run_seconds) AS run
    FROM jobqueue.v_executions
    WHERE started_at IS NOT NULL OR outcome IN ('failed', 'timed_out', 'lost')
    GROUP BY 1, 2
) AS hours;
"""

COMMENTS = {
    "v_executions": {
        "": "Each delivery of a job that a worker started, and each job that ended without one.",
        "job_id": "The job; unique within its queue.",
        "run": "0, and one more each time the job was put back from the dead letters.",
        "attempt": "Counted attempt of this run, from 1; 0 when the job ended without one.",
        "delivery": "How often a worker had been handed the job, this time included.",
        "name": "The name of its handler.",
        "queue": "Its queue.",
        "priority": "critical, high, normal or low; sorts in this order.",
        "outcome": "succeeded, failed, timed_out, cancelled, snoozed, released, lost or expired.",
        "reason": "Why the job ended here, for example retries_exhausted.",
        "final": "Whether this row ended this run of the job; one row of each run does.",
        "error_type": "Qualified name of the exception.",
        "error_message": "Text of the exception.",
        "traceback": "Its traceback; of a long one head and tail.",
        "arguments": 'Arguments by name; positional ones without a name in a list under "*".',
        "result": "What the handler returned; NULL for None.",
        "metadata": "Object that the producer attached.",
        "tags": "Words that the producer attached.",
        "enqueued_at": "When the job was enqueued.",
        "ready_at": "When this delivery became ready to run.",
        "started_at": "When a worker started it; NULL when none did.",
        "finished_at": "When it ended.",
        "retry_at": "When the next attempt was due; NULL when none followed.",
        "wait_seconds": "From ready to started.",
        "run_seconds": "From started to finished.",
        "worker": "The worker that had it.",
        "code_version": "Version of the application that the worker ran.",
        "crashes": "How many workers had died with this run of the job so far.",
        "execution_id": "Key of the row; a uuid7, which begins with the time of the delivery.",
    },
    "v_job_stats": {
        "": "Runs, failures, and percentiles of waiting and running, by name and hour.",
        "name": "The name of the handler; give one, or all rows are read.",
        "hour": "Start of the hour (UTC) in which the runs ended.",
        "runs": "Runs that ended, failures included.",
        "failures": "Runs that failed, timed out or were lost with their worker.",
        "wait_p50_seconds": "Half of the runs waited at most this long.",
        "wait_p95_seconds": "95 of 100 runs waited at most this long.",
        "wait_p99_seconds": "99 of 100 runs waited at most this long.",
        "run_p50_seconds": "Half of the runs took at most this long.",
        "run_p95_seconds": "95 of 100 runs took at most this long.",
        "run_p99_seconds": "99 of 100 runs took at most this long.",
    },
}


def upgrade() -> None:
    """Make everything."""
    op.execute(TABLES)
    op.execute(PARTITIONS)
    op.execute(VIEWS)
    for view, comments in COMMENTS.items():
        for column, comment in comments.items():
            thing = f"COLUMN jobqueue.{view}.{column}" if column else f"VIEW jobqueue.{view}"
            op.execute(f"COMMENT ON {thing} IS '{comment}'")


def downgrade() -> None:
    """Drop everything but the schema, which holds Alembic's version table."""
    op.execute("DROP VIEW jobqueue.v_job_stats, jobqueue.v_executions")
    op.execute("DROP TABLE jobqueue.dead_letters, jobqueue.job_executions")
    op.execute("DROP TYPE jobqueue.priority")
