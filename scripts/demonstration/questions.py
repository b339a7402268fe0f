"""What the demo asks the history: SQL for the views that are public, and nothing else."""

from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

ENDED = """
SELECT count(DISTINCT job_id) AS jobs FROM jobqueue.v_executions
WHERE final AND name <> 'tick'
"""

OUTCOMES = """
SELECT outcome, count(*) AS rows, count(*) FILTER (WHERE final) AS jobs
FROM jobqueue.v_executions GROUP BY outcome ORDER BY jobs DESC, rows DESC
"""

ATTEMPTS = """
SELECT name, count(*) AS jobs,
    count(*) FILTER (WHERE attempt = 1) AS one,
    count(*) FILTER (WHERE attempt = 2) AS two,
    count(*) FILTER (WHERE attempt = 3) AS three
FROM jobqueue.v_executions WHERE final GROUP BY name ORDER BY jobs DESC, name
"""

TIMES = """
SELECT coalesce(priority::text, 'all') AS priority, count(*) AS runs,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY run_seconds) AS run_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY run_seconds) AS run_p95,
    max(run_seconds) AS run_max,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY wait_seconds) AS wait_p50
FROM jobqueue.v_executions
WHERE name = 'count_file' AND outcome = 'succeeded'
GROUP BY GROUPING SETS ((v_executions.priority), ()) ORDER BY v_executions.priority
"""

SLOWEST = """
SELECT run_seconds, (result->>'lines')::int AS lines, arguments->>'path' AS path
FROM jobqueue.v_executions
WHERE name = 'count_file' AND outcome = 'succeeded' ORDER BY run_seconds DESC LIMIT 5
"""

DEAD = """
SELECT attempts, arguments->>'path' AS path, error_type, error_message
FROM jobqueue.dead_letters
WHERE redriven_at IS NULL AND deleted_at IS NULL ORDER BY path
"""

RECOVERED = """
SELECT lost.arguments->>'path' AS path, lost.worker AS lost_with, ended.worker AS ended_by,
    ended.outcome, ended.delivery, extract(epoch FROM ended.started_at - lost.started_at) AS later
FROM jobqueue.v_executions AS lost
JOIN jobqueue.v_executions AS ended USING (queue, job_id, run)
WHERE lost.outcome = 'lost' AND ended.final ORDER BY path
"""

FOUND = """
SELECT sum((result->>'lines')::int) AS lines, sum((result->>'functions')::int) AS functions,
    sum((result->>'classes')::int) AS classes, count(*) AS files
FROM jobqueue.v_executions WHERE name = 'count_file' AND final AND outcome = 'succeeded'
"""

JOBS = """
SELECT job_id, count(*) AS rows, count(*) FILTER (WHERE final) AS final,
    count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded, bool_or(name = 'tick') AS tick
FROM jobqueue.v_executions GROUP BY queue, job_id
"""

FLAKY = """
SELECT array_agg(outcome ORDER BY delivery) AS outcomes
FROM jobqueue.v_executions WHERE name = 'flaky'
"""

DELAYED = """
SELECT extract(epoch FROM started_at - enqueued_at) AS seconds
FROM jobqueue.v_executions WHERE name = 'delayed'
"""


class History:
    """Answers questions about what happened; opens one connection.

    Args:
        url: The database.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, row_factory=namedtuple_row)

    def ask(self, question: LiteralString) -> list[Any]:
        """Return the rows of a question."""
        return self._connection.execute(question).fetchall()

    def one(self, question: LiteralString) -> Any:
        """Return the only row of a question."""
        [row] = self.ask(question)
        return row

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
