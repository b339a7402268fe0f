COMMENT ON TABLE jobqueue.alembic_version IS 'oldest code: 0001';

COMMENT ON COLUMN jobqueue.v_executions.error_fingerprint IS
    'Same for failures with the same cause; NULL without an error, and in rows of versions that made none.';
COMMENT ON COLUMN jobqueue.v_job_stats.name IS 'The name of the handler.';
COMMENT ON COLUMN jobqueue.v_job_stats.total_run_seconds IS 'How long its runs took together.';

COMMENT ON VIEW jobqueue.v_jobs IS
    'Each job that ended, as its latest run left it. Jobs that wait or run are in Redis: jobqueue jobs show.';
COMMENT ON COLUMN jobqueue.v_jobs.job_id IS 'The job; unique within its queue.';
COMMENT ON COLUMN jobqueue.v_jobs.queue IS 'Its queue.';
COMMENT ON COLUMN jobqueue.v_jobs.name IS 'The name of its handler.';
COMMENT ON COLUMN jobqueue.v_jobs.priority IS 'critical, high, normal or low; sorts in this order.';
COMMENT ON COLUMN jobqueue.v_jobs.state IS 'succeeded, dead, cancelled or expired.';
COMMENT ON COLUMN jobqueue.v_jobs.outcome IS 'What its last attempt came to.';
COMMENT ON COLUMN jobqueue.v_jobs.reason IS 'Why the job ended, for example retries_exhausted.';
COMMENT ON COLUMN jobqueue.v_jobs.run IS 'How often it was put back from the dead letters.';
COMMENT ON COLUMN jobqueue.v_jobs.attempts IS 'Counted attempts of its latest run; 0 when it ended without one.';
COMMENT ON COLUMN jobqueue.v_jobs.deliveries IS 'How often the latest run was handed to a worker.';
COMMENT ON COLUMN jobqueue.v_jobs.crashes IS 'How many workers died with its latest run.';
COMMENT ON COLUMN jobqueue.v_jobs.error_type IS 'Qualified name of the exception that ended it.';
COMMENT ON COLUMN jobqueue.v_jobs.error_message IS 'Text of this exception.';
COMMENT ON COLUMN jobqueue.v_jobs.traceback IS 'Its traceback; of a long one head and tail.';
COMMENT ON COLUMN jobqueue.v_jobs.arguments IS 'Arguments by name; positional ones without a name in a list under "*".';
COMMENT ON COLUMN jobqueue.v_jobs.result IS 'What the handler returned; NULL for None.';
COMMENT ON COLUMN jobqueue.v_jobs.metadata IS 'Object that the producer attached.';
COMMENT ON COLUMN jobqueue.v_jobs.tags IS 'Words that the producer attached.';
COMMENT ON COLUMN jobqueue.v_jobs.enqueued_at IS 'When the job was enqueued.';
COMMENT ON COLUMN jobqueue.v_jobs.ready_at IS 'When the last delivery became ready to run.';
COMMENT ON COLUMN jobqueue.v_jobs.started_at IS 'When the last attempt started; NULL when none did.';
COMMENT ON COLUMN jobqueue.v_jobs.finished_at IS 'When the job ended.';
COMMENT ON COLUMN jobqueue.v_jobs.redriven_at IS 'When it was put back; the new run has not ended yet.';
COMMENT ON COLUMN jobqueue.v_jobs.wait_seconds IS 'How long the last attempt waited, from ready to started.';
COMMENT ON COLUMN jobqueue.v_jobs.run_seconds IS 'How long the last attempt ran.';
COMMENT ON COLUMN jobqueue.v_jobs.total_seconds IS 'From enqueued to ended, delays and retries included.';
COMMENT ON COLUMN jobqueue.v_jobs.worker IS 'The worker of the last attempt.';
COMMENT ON COLUMN jobqueue.v_jobs.code_version IS 'Version of the application that this worker ran.';
COMMENT ON COLUMN jobqueue.v_jobs.execution_id IS 'Key of its row in v_executions.';

COMMENT ON VIEW jobqueue.v_queue_latency IS
    'How long runs had waited from ready to started, by queue, priority and hour; of the hour in which they ended.';
COMMENT ON COLUMN jobqueue.v_queue_latency.queue IS 'The queue.';
COMMENT ON COLUMN jobqueue.v_queue_latency.priority IS 'critical, high, normal or low; sorts in this order.';
COMMENT ON COLUMN jobqueue.v_queue_latency.hour IS 'Start of the hour (UTC) in which the runs ended.';
COMMENT ON COLUMN jobqueue.v_queue_latency.runs IS 'Runs that ended.';
COMMENT ON COLUMN jobqueue.v_queue_latency.wait_p50_seconds IS 'Half of the runs waited at most this long.';
COMMENT ON COLUMN jobqueue.v_queue_latency.wait_p95_seconds IS '95 of 100 runs waited at most this long.';
COMMENT ON COLUMN jobqueue.v_queue_latency.wait_p99_seconds IS '99 of 100 runs waited at most this long.';
COMMENT ON COLUMN jobqueue.v_queue_latency.wait_max_seconds IS 'The longest wait.';

COMMENT ON VIEW jobqueue.v_worker_load IS 'What each worker did, by the hour in which the runs ended.';
COMMENT ON COLUMN jobqueue.v_worker_load.worker IS 'The worker.';
COMMENT ON COLUMN jobqueue.v_worker_load.hour IS 'Start of the hour (UTC).';
COMMENT ON COLUMN jobqueue.v_worker_load.runs IS 'Runs that ended, failures included.';
COMMENT ON COLUMN jobqueue.v_worker_load.failures IS 'Runs that failed, timed out or were lost with the worker.';
COMMENT ON COLUMN jobqueue.v_worker_load.busy_seconds IS 'How long these runs took together.';
COMMENT ON COLUMN jobqueue.v_worker_load.running_on_average IS
    'Jobs that ran at once, on average over the whole hour; a run counts where it ended, however long it was.';

COMMENT ON VIEW jobqueue.v_slowest IS 'The five slowest runs of each name and hour.';
COMMENT ON COLUMN jobqueue.v_slowest.name IS 'The name of the handler.';
COMMENT ON COLUMN jobqueue.v_slowest.hour IS 'Start of the hour (UTC) in which the run ended.';
COMMENT ON COLUMN jobqueue.v_slowest.rank IS '1 for the slowest of this name and hour, to 5.';
COMMENT ON COLUMN jobqueue.v_slowest.run_seconds IS 'From started to finished.';
COMMENT ON COLUMN jobqueue.v_slowest.job_id IS 'The job.';
COMMENT ON COLUMN jobqueue.v_slowest.queue IS 'Its queue.';
COMMENT ON COLUMN jobqueue.v_slowest.outcome IS 'What the run came to.';
COMMENT ON COLUMN jobqueue.v_slowest.worker IS 'The worker that ran it.';
COMMENT ON COLUMN jobqueue.v_slowest.finished_at IS 'When it ended.';
COMMENT ON COLUMN jobqueue.v_slowest.execution_id IS 'Key of its row in v_executions, which has its arguments.';

COMMENT ON VIEW jobqueue.v_failures IS 'Each error of each name, over the history that is kept: how often, since when.';
COMMENT ON COLUMN jobqueue.v_failures.name IS 'The name of the handler.';
COMMENT ON COLUMN jobqueue.v_failures.fingerprint IS
    'Same for failures with the same cause; NULL for runs without an error and rows of versions that made none.';
COMMENT ON COLUMN jobqueue.v_failures.error_type IS 'Qualified name of the exception, of the latest failure.';
COMMENT ON COLUMN jobqueue.v_failures.latest_message IS 'Text of the exception, of the latest failure.';
COMMENT ON COLUMN jobqueue.v_failures.failures IS 'Attempts that failed, timed out or were lost with their worker.';
COMMENT ON COLUMN jobqueue.v_failures.first_seen IS 'When the first of them ended.';
COMMENT ON COLUMN jobqueue.v_failures.last_seen IS 'When the latest of them ended.';
COMMENT ON COLUMN jobqueue.v_failures.latest_outcome IS 'failed, timed_out or lost: of the latest.';
COMMENT ON COLUMN jobqueue.v_failures.latest_queue IS 'Queue of the latest.';
COMMENT ON COLUMN jobqueue.v_failures.latest_job_id IS 'Job of the latest.';
COMMENT ON COLUMN jobqueue.v_failures.latest_code_version IS 'Version of the application that failed latest.';

COMMENT ON VIEW jobqueue.v_operator_log IS 'What people did to jobs and queues, by command line or library.';
COMMENT ON COLUMN jobqueue.v_operator_log.id IS 'Key of the entry; dead letters name it in closed_by.';
COMMENT ON COLUMN jobqueue.v_operator_log.at IS 'When.';
COMMENT ON COLUMN jobqueue.v_operator_log.operator IS 'Who.';
COMMENT ON COLUMN jobqueue.v_operator_log.action IS 'What, for example dlq.retry.';
COMMENT ON COLUMN jobqueue.v_operator_log.queue IS 'The queue that it was done to.';
COMMENT ON COLUMN jobqueue.v_operator_log.job_id IS 'The job that it was done to.';
COMMENT ON COLUMN jobqueue.v_operator_log.filter IS 'What chose the jobs of a command for many.';
COMMENT ON COLUMN jobqueue.v_operator_log.reason IS 'Why, in words of the operator.';
COMMENT ON COLUMN jobqueue.v_operator_log.details IS 'More about it, for example the jobs.';

COMMENT ON VIEW jobqueue.job_names IS 'Names with executions; the inside of other views.';
COMMENT ON COLUMN jobqueue.job_names.name IS 'The name of a handler.';
COMMENT ON FUNCTION jobqueue.state_at IS
    'What state jobs were in at a moment: those that were on their way, and those that had ended. It knows only jobs with '
    'rows that ended up to span before or after it: who still waits or runs now, or was deleted, has none.';
