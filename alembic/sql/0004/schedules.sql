CREATE TABLE jobqueue.schedules (
    created_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz,
    paused_at timestamptz,
    seen_at timestamptz,
    priority jobqueue.priority NOT NULL,
    declared boolean NOT NULL,
    asks boolean NOT NULL,
    name text PRIMARY KEY,
    job text NOT NULL,
    queue text NOT NULL,
    lock text,
    timing jsonb NOT NULL,
    arguments jsonb NOT NULL,
    paused_by text,
    pause_reason text,
    spec bytea NOT NULL
);

CREATE TABLE jobqueue.schedule_occurrences (
    occurrence timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    since timestamptz,
    triggered boolean NOT NULL,
    schedule text NOT NULL,
    outcome text NOT NULL,
    reason text,
    job_id text,
    queue text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (schedule, occurrence, triggered)
);

CREATE INDEX schedule_occurrences_occurrence ON jobqueue.schedule_occurrences (occurrence);

CREATE VIEW jobqueue.v_schedule_ledger AS
SELECT
    schedule, occurrence, outcome, reason,
    extract(epoch FROM decided_at - due_at)::double precision AS late_seconds,
    job_id, queue, name, triggered, due_at, decided_at, since
FROM jobqueue.schedule_occurrences;

COMMENT ON VIEW jobqueue.v_schedule_ledger IS
    'What became of each occurrence of each schedule: enqueued, how late, or skipped and why.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.schedule IS 'The schedule.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.occurrence IS 'The moment at which its rule put it.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.outcome IS 'enqueued or skipped.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.reason IS
    'Why it was skipped: paused, missed, overlap (the job before had not ended) or unique (another job had its key).';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.late_seconds IS
    'How long after it was due a scheduler enqueued it or skipped it.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.job_id IS 'The job that was enqueued.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.queue IS 'The queue of its jobs.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.name IS 'The name of the handler.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.triggered IS 'Whether an operator fired it by hand.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.due_at IS 'When it was to be enqueued: later by its jitter.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.decided_at IS 'When it was enqueued or skipped, by the clock of Redis.';
COMMENT ON COLUMN jobqueue.v_schedule_ledger.since IS
    'Where the row stands for all occurrences after this moment up to its own: too many were missed for a row each.';
