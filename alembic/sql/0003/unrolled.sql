-- Each name once, by jumps through the index on (name, finished_at): a plan that no statistics can spoil.
CREATE VIEW jobqueue.job_names AS
WITH RECURSIVE known AS (
    SELECT min(name) AS name FROM jobqueue.job_executions
    UNION ALL
    SELECT (SELECT min(name) FROM jobqueue.job_executions WHERE name > known.name)
    FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL;

-- OFFSET 0 keeps the planner from joining whole partitions: one look into the index for each name and range.
CREATE VIEW jobqueue.unrolled_runs AS
SELECT
    unrolled.since, names.name,
    date_bin('1 hour', ended.finished_at, TIMESTAMPTZ '2000-01-01 00:00+00') AS hour,
    ended.id, ended.job_id, ended.queue, ended.priority, ended.worker, ended.outcome, ended.finished_at,
    ended.started_at IS NOT NULL AS started,
    ended.outcome IN ('failed', 'timed_out', 'lost') AS failure,
    extract(epoch FROM ended.started_at - ended.ready_at)::double precision AS wait_seconds,
    extract(epoch FROM ended.finished_at - ended.started_at)::double precision AS run_seconds
FROM jobqueue.unrolled
CROSS JOIN jobqueue.job_names AS names
CROSS JOIN LATERAL (
    SELECT * FROM jobqueue.job_executions AS execution
    WHERE execution.name = names.name
      AND execution.finished_at >= unrolled.since AND execution.finished_at < unrolled.until
    OFFSET 0
) AS ended;

CREATE VIEW jobqueue.unrolled_jobs AS
SELECT
    since, hour, count(*) AS runs, count(*) FILTER (WHERE failure) AS failures, name,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY wait_seconds) AS wait,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY run_seconds) AS run,
    sum(run_seconds) AS run_sum
FROM jobqueue.unrolled_runs WHERE started OR failure
GROUP BY since, name, hour;

CREATE VIEW jobqueue.unrolled_queues AS
SELECT
    since, hour, count(*) AS runs, max(wait_seconds) AS wait_max, priority, queue,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY wait_seconds) AS wait
FROM jobqueue.unrolled_runs WHERE started
GROUP BY since, queue, priority, hour;

CREATE VIEW jobqueue.unrolled_workers AS
SELECT
    since, hour, count(*) AS runs, count(*) FILTER (WHERE failure) AS failures,
    coalesce(sum(run_seconds), 0) AS busy, worker
FROM jobqueue.unrolled_runs WHERE worker IS NOT NULL AND (started OR failure)
GROUP BY since, worker, hour;

CREATE VIEW jobqueue.unrolled_slowest AS
SELECT * FROM (
    SELECT
        since, hour, finished_at, run_seconds,
        row_number() OVER (PARTITION BY since, name, hour ORDER BY run_seconds DESC, id)::integer AS rank,
        id AS execution_id, name, job_id, queue, outcome, worker
    FROM jobqueue.unrolled_runs WHERE started
) AS ranked
WHERE rank <= 5;
