"""Hourly rollups and the views for people.

Revision 0003, after 0002. The statements are in ``sql/0003``. It only adds; two partial indexes
over few rows are built, which keeps recorders waiting while PostgreSQL reads the history once.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parents[1] / "sql" / revision
PARTS = ("rollups", "unrolled", "views", "state_at", "comments")

# The views of revision 0001, whose columns CREATE OR REPLACE can't take back.
EARLIER = """
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

# In this order: the later ones are what the earlier ones are made of.
VIEWS = (
    *("v_operator_log", "v_failures", "v_jobs", "v_slowest", "v_worker_load", "v_queue_latency"),
    *("v_job_stats", "v_executions", "unrolled_slowest", "unrolled_workers", "unrolled_queues"),
    *("unrolled_jobs", "unrolled_runs", "job_names"),
)
TABLES = ("hourly_slowest", "hourly_workers", "hourly_queues", "hourly_jobs", "unrolled")


def upgrade() -> None:
    """Add tables, two indexes, views and a function."""
    for part in PARTS:
        op.execute((FOLDER / f"{part}.sql").read_text("utf-8"))


def downgrade() -> None:
    """Take them back, and make the two older views as they were."""
    op.execute("COMMENT ON TABLE jobqueue.alembic_version IS NULL")
    op.execute("DROP FUNCTION jobqueue.state_at")
    for view in VIEWS:
        op.execute(f"DROP VIEW jobqueue.{view}")
    for table in TABLES:
        op.execute(f"DROP TABLE jobqueue.{table}")
    op.execute("DROP INDEX jobqueue.job_executions_failed, jobqueue.job_executions_redriven")
    op.execute(EARLIER)
