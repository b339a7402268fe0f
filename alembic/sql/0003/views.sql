CREATE OR REPLACE VIEW jobqueue.v_job_stats AS
SELECT
    name, hour, runs, failures,
    wait[1] AS wait_p50_seconds, wait[2] AS wait_p95_seconds, wait[3] AS wait_p99_seconds,
    run[1] AS run_p50_seconds, run[2] AS run_p95_seconds, run[3] AS run_p99_seconds,
    run_sum AS total_run_seconds
FROM (
    SELECT name, hour, runs, failures, wait, run, run_sum FROM jobqueue.hourly_jobs
    WHERE NOT EXISTS (SELECT FROM jobqueue.unrolled WHERE unrolled.since = hourly_jobs.hour)
    UNION ALL
    SELECT name, hour, runs, failures, wait, run, run_sum FROM jobqueue.unrolled_jobs
) AS hours;

CREATE VIEW jobqueue.v_queue_latency AS
SELECT
    queue, priority, hour, runs,
    wait[1] AS wait_p50_seconds, wait[2] AS wait_p95_seconds, wait[3] AS wait_p99_seconds,
    wait_max AS wait_max_seconds
FROM (
    SELECT queue, priority, hour, runs, wait, wait_max FROM jobqueue.hourly_queues
    WHERE NOT EXISTS (SELECT FROM jobqueue.unrolled WHERE unrolled.since = hourly_queues.hour)
    UNION ALL
    SELECT queue, priority, hour, runs, wait, wait_max FROM jobqueue.unrolled_queues
) AS hours;

CREATE VIEW jobqueue.v_worker_load AS
SELECT worker, hour, runs, failures, busy AS busy_seconds, busy / 3600 AS running_on_average
FROM (
    SELECT worker, hour, runs, failures, busy FROM jobqueue.hourly_workers
    WHERE NOT EXISTS (SELECT FROM jobqueue.unrolled WHERE unrolled.since = hourly_workers.hour)
    UNION ALL
    SELECT worker, hour, runs, failures, busy FROM jobqueue.unrolled_workers
) AS hours;

CREATE VIEW jobqueue.v_slowest AS
SELECT name, hour, rank, run_seconds, job_id, queue, outcome, worker, finished_at, execution_id
FROM (
    SELECT name, hour, rank, run_seconds, job_id, queue, outcome, worker, finished_at, execution_id
    FROM jobqueue.hourly_slowest
    WHERE NOT EXISTS (SELECT FROM jobqueue.unrolled WHERE unrolled.since = hourly_slowest.hour)
    UNION ALL
    SELECT name, hour, rank, run_seconds, job_id, queue, outcome, worker, finished_at, execution_id
    FROM jobqueue.unrolled_slowest
) AS hours;

-- redriven_at is looked up row by row, and only when it is asked for: a join could read all dead letters.
CREATE VIEW jobqueue.v_jobs AS
SELECT
    ended.job_id, ended.queue, ended.name, ended.priority,
    CASE WHEN ended.outcome IN ('failed', 'timed_out', 'lost') THEN 'dead' ELSE ended.outcome END AS state,
    ended.outcome, ended.reason, ended.run, ended.attempt AS attempts, ended.delivery AS deliveries, ended.crashes,
    ended.error_type, ended.error_message, ended.traceback,
    ended.arguments, ended.result, ended.metadata, ended.tags,
    ended.enqueued_at, ended.ready_at, ended.started_at, ended.finished_at,
    (SELECT letter.redriven_at FROM jobqueue.dead_letters AS letter WHERE letter.execution_id = ended.id) AS redriven_at,
    extract(epoch FROM ended.started_at - ended.ready_at)::double precision AS wait_seconds,
    extract(epoch FROM ended.finished_at - ended.started_at)::double precision AS run_seconds,
    extract(epoch FROM ended.finished_at - ended.enqueued_at)::double precision AS total_seconds,
    ended.worker, ended.code_version, ended.id AS execution_id
FROM jobqueue.job_executions AS ended
WHERE ended.final AND NOT EXISTS (
    SELECT FROM jobqueue.job_executions AS later
    WHERE later.final AND later.run > 0
      AND later.job_id = ended.job_id AND later.queue = ended.queue AND later.run > ended.run
);

CREATE OR REPLACE VIEW jobqueue.v_executions AS
SELECT
    job_id, run, attempt, delivery, name, queue, priority, outcome, reason, final,
    error_type, error_message, traceback,
    arguments, result, metadata, tags,
    enqueued_at, ready_at, started_at, finished_at, retry_at,
    extract(epoch FROM started_at - ready_at)::double precision AS wait_seconds,
    extract(epoch FROM finished_at - started_at)::double precision AS run_seconds,
    worker, code_version, crashes, id AS execution_id, error_fingerprint
FROM jobqueue.job_executions;

-- Counted from an index alone; then one look for the latest row of each error.
CREATE VIEW jobqueue.v_failures AS
SELECT
    seen.name, seen.fingerprint, latest.error_type, latest.error_message AS latest_message,
    seen.failures, seen.first_seen, seen.last_seen,
    latest.outcome AS latest_outcome, latest.queue AS latest_queue, latest.job_id AS latest_job_id,
    latest.code_version AS latest_code_version
FROM (
    SELECT
        name, error_fingerprint AS fingerprint, count(*) AS failures,
        min(finished_at) AS first_seen, max(finished_at) AS last_seen
    FROM jobqueue.job_executions WHERE outcome IN ('failed', 'timed_out', 'lost')
    GROUP BY name, error_fingerprint
) AS seen
CROSS JOIN LATERAL (
    SELECT * FROM jobqueue.job_executions AS failed
    WHERE failed.name = seen.name AND failed.finished_at = seen.last_seen
      AND failed.outcome IN ('failed', 'timed_out', 'lost')
      AND failed.error_fingerprint IS NOT DISTINCT FROM seen.fingerprint
    LIMIT 1
) AS latest;

CREATE VIEW jobqueue.v_operator_log AS
SELECT id, at, operator, action, queue, job_id, filter, reason, details FROM jobqueue.operator_log;
