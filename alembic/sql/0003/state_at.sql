-- The first half: rows under way at the moment, which ended later. The second: jobs that had ended, and were not put
-- back. Both look no further than span: a job's rows tell only when they end.
CREATE FUNCTION jobqueue.state_at(moment timestamptz, span interval DEFAULT interval '1 day')
RETURNS TABLE (
    job_id text, queue text, name text, priority jobqueue.priority, state text, run integer, attempt integer,
    worker text, since timestamptz, execution_id uuid
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        execution.job_id, execution.queue, execution.name, execution.priority,
        CASE
            WHEN execution.started_at <= moment THEN 'running'
            WHEN execution.ready_at <= moment THEN 'ready'
            WHEN previous.final THEN 'dead'
            WHEN previous.final IS NOT NULL THEN 'retrying'
            ELSE 'scheduled'
        END,
        execution.run, execution.attempt,
        CASE WHEN execution.started_at <= moment THEN execution.worker END,
        CASE
            WHEN execution.started_at <= moment THEN execution.started_at
            WHEN execution.ready_at <= moment THEN execution.ready_at
            ELSE coalesce(previous.finished_at, execution.enqueued_at)
        END,
        execution.execution_id
    FROM jobqueue.job_names AS names
    CROSS JOIN LATERAL (
        SELECT * FROM jobqueue.v_executions AS row
        WHERE row.name = names.name AND row.enqueued_at <= moment
          AND row.finished_at > moment AND row.finished_at <= moment + span
        OFFSET 0
    ) AS execution
    LEFT JOIN LATERAL (
        SELECT row.final, row.finished_at FROM jobqueue.v_executions AS row
        WHERE row.job_id = execution.job_id AND row.queue = execution.queue
          AND (row.run, row.delivery) < (execution.run, execution.delivery)
        ORDER BY row.run DESC, row.delivery DESC LIMIT 1
    ) AS previous ON true
    WHERE previous.finished_at IS NULL OR previous.finished_at <= moment
    UNION ALL
    SELECT
        ended.job_id, ended.queue, ended.name, ended.priority,
        CASE WHEN ended.outcome IN ('failed', 'timed_out', 'lost') THEN 'dead' ELSE ended.outcome END,
        ended.run, ended.attempt, NULL, ended.finished_at, ended.execution_id
    FROM jobqueue.v_executions AS ended
    WHERE ended.final AND ended.finished_at > moment - span AND ended.finished_at <= moment
      AND NOT EXISTS (
        SELECT FROM jobqueue.v_executions AS later
        WHERE later.job_id = ended.job_id AND later.queue = ended.queue
          AND (later.run, later.delivery) > (ended.run, ended.delivery)
          AND later.enqueued_at <= moment AND later.finished_at <= moment + span
        OFFSET 0
      )
$$;
