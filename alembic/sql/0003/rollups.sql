-- Hours that are not rolled up yet. The row up to infinity is the present; the others are hours that ended, or got
-- a late row. A recorder marks the hours it writes to below the present; marks tells the roller that one came meanwhile.
CREATE TABLE jobqueue.unrolled (
    since timestamptz PRIMARY KEY,
    until timestamptz NOT NULL,
    marks integer NOT NULL
);
INSERT INTO jobqueue.unrolled VALUES ('-infinity', 'infinity', 1);

CREATE TABLE jobqueue.hourly_jobs (
    hour timestamptz NOT NULL,
    runs bigint NOT NULL,
    failures bigint NOT NULL,
    name text NOT NULL,
    wait double precision[],
    run double precision[],
    run_sum double precision,
    PRIMARY KEY (name, hour)
);
CREATE INDEX hourly_jobs_hour ON jobqueue.hourly_jobs (hour);

CREATE TABLE jobqueue.hourly_queues (
    hour timestamptz NOT NULL,
    runs bigint NOT NULL,
    wait_max double precision NOT NULL,
    priority jobqueue.priority NOT NULL,
    queue text NOT NULL,
    wait double precision[] NOT NULL,
    PRIMARY KEY (queue, priority, hour)
);
CREATE INDEX hourly_queues_hour ON jobqueue.hourly_queues (hour);

CREATE TABLE jobqueue.hourly_workers (
    hour timestamptz NOT NULL,
    runs bigint NOT NULL,
    failures bigint NOT NULL,
    busy double precision NOT NULL,
    worker text NOT NULL,
    PRIMARY KEY (worker, hour)
);
CREATE INDEX hourly_workers_hour ON jobqueue.hourly_workers (hour);

CREATE TABLE jobqueue.hourly_slowest (
    hour timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    run_seconds double precision NOT NULL,
    rank integer NOT NULL,
    execution_id uuid NOT NULL,
    name text NOT NULL,
    job_id text NOT NULL,
    queue text NOT NULL,
    outcome text NOT NULL,
    worker text,
    PRIMARY KEY (name, hour, rank)
);
CREATE INDEX hourly_slowest_hour ON jobqueue.hourly_slowest (hour);

-- Redriven jobs only, so mostly empty: whether a job ended once more after this row.
CREATE INDEX job_executions_redriven ON jobqueue.job_executions (job_id, run) WHERE final AND run > 0;

-- Failing rows only: counts of v_failures without reading a row.
CREATE INDEX job_executions_failed ON jobqueue.job_executions (name, error_fingerprint, finished_at)
    WHERE outcome IN ('failed', 'timed_out', 'lost');
