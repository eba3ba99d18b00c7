-- expand: safe while older workers run
--
-- The foundation: live jobs, the archive, workers and logs. What each column means is told in
-- docs/internals/storage.md; what may happen to a row is told by `_model/states.py`.

-- The clock that every statement reads. Plain now() in production; inlinable, so it costs nothing.
-- Tests replace its body in their own schema to move time. There is deliberately no setting for
-- it: a setting could be used by any role to expire every lease.
CREATE FUNCTION howdah.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT pg_catalog.now()';

-- Live work only: what is created, retry, active or waiting. A job leaves in the statement that
-- finishes it, so the table stays as small as the backlog.
CREATE TABLE howdah.job (
    -- Raised by every claim, never lowered. A worker's write names (id, fence).
    fence               bigint      NOT NULL DEFAULT 0,
    -- Not null exactly while any worker of the queue may claim the job now: the transaction that
    -- made it claimable. Delayed and waiting jobs have it null and are woken by someone.
    ready_xid           xid8,
    worker_id           bigint,
    created_at          timestamptz NOT NULL DEFAULT howdah.now(),
    start_after         timestamptz,
    started_at          timestamptz,
    expire_at           timestamptz,
    cancel_requested_at timestamptz,
    id                  uuid        PRIMARY KEY,
    attempt             int         NOT NULL DEFAULT 0,
    priority            smallint    NOT NULL DEFAULT 0,
    crash_count         smallint    NOT NULL DEFAULT 0,
    state               text        NOT NULL DEFAULT 'created',
    queue               text        NOT NULL,
    task                text        NOT NULL,
    args                jsonb       NOT NULL,
    key                 text,
    tags                text[],
    retry               jsonb,
    expire_in           interval,
    retention           interval,
    cancel_reason       text,
    progress            jsonb,
    errors              jsonb,
    CONSTRAINT job_state CHECK (state IN ('created', 'retry', 'active', 'waiting')),
    CONSTRAINT job_ready CHECK (ready_xid IS NULL OR state IN ('created', 'retry')),
    CONSTRAINT job_owned CHECK ((state = 'active') = (worker_id IS NOT NULL))
) WITH (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.2
);

CREATE INDEX job_ready ON howdah.job (queue, priority DESC, ready_xid, id)
    WHERE ready_xid IS NOT NULL;
CREATE INDEX job_due ON howdah.job (start_after)
    WHERE ready_xid IS NULL AND start_after IS NOT NULL AND state <> 'active';
CREATE UNIQUE INDEX job_key ON howdah.job (task, key) WHERE key IS NOT NULL;
-- The next two hold rows only for jobs that use them: a plain job pays for neither.
CREATE INDEX job_cancel_requested ON howdah.job (worker_id) WHERE cancel_requested_at IS NOT NULL;
CREATE INDEX job_expiring ON howdah.job (expire_at) WHERE expire_at IS NOT NULL;

-- What finished, partitioned by the day until which it is kept: a partition is dropped whole, and
-- each job's own retention holds. Few indexes, since each is paid by every job.
CREATE TABLE howdah.archive (
    keep_until          date        NOT NULL,
    finished_at         timestamptz NOT NULL,
    fence               bigint      NOT NULL,
    worker_id           bigint,
    created_at          timestamptz NOT NULL,
    start_after         timestamptz,
    started_at          timestamptz,
    id                  uuid        NOT NULL,
    attempt             int         NOT NULL,
    priority            smallint    NOT NULL,
    crash_count         smallint    NOT NULL,
    state               text        NOT NULL,
    queue               text        NOT NULL,
    task                text        NOT NULL,
    args                jsonb       NOT NULL,
    key                 text,
    tags                text[],
    retry               jsonb,
    expire_in           interval,
    retention           interval,
    cancel_reason       text,
    progress            jsonb,
    errors              jsonb,
    result              jsonb,
    CONSTRAINT archive_state CHECK (state IN ('completed', 'failed', 'expired', 'cancelled'))
) PARTITION BY RANGE (keep_until);
-- So that no finish can fail for want of a partition. Housekeeping moves its rows into their own.
CREATE TABLE howdah.archive_default PARTITION OF howdah.archive DEFAULT;
CREATE INDEX archive_id ON howdah.archive (id);
CREATE INDEX archive_unfortunate ON howdah.archive (finished_at) WHERE state <> 'completed';

-- Both together, for people. Not for workers.
CREATE VIEW howdah.jobs AS
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, NULL::timestamptz AS finished_at, worker_id,
       retry, expire_in, retention, cancel_requested_at, cancel_reason, progress, errors,
       NULL::jsonb AS result, NULL::date AS keep_until, ready_xid IS NOT NULL AS ready
FROM howdah.job
UNION ALL
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, finished_at, worker_id,
       retry, expire_in, retention, NULL, cancel_reason, progress, errors,
       result, keep_until, false
FROM howdah.archive;

-- Which (queue, priority) pairs have ever held a job. Without a unique key on purpose: two
-- transactions that are the first of a kind must not wait for each other's commit.
-- Housekeeping removes doubles and nothing else: a sender that saw a row relies on it.
CREATE TABLE howdah.lane (
    queue    text     NOT NULL,
    priority smallint NOT NULL
);

CREATE TABLE howdah.queue (
    name       text        PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT howdah.now()
);

-- One row for each process that executes jobs; its lease covers all that the process holds.
CREATE TABLE howdah.worker (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    beat_at     timestamptz NOT NULL DEFAULT howdah.now(),
    started_at  timestamptz NOT NULL DEFAULT howdah.now(),
    lease       interval    NOT NULL,
    pid         int         NOT NULL,
    host        text        NOT NULL,
    concurrency int         NOT NULL,
    queues      text[]      NOT NULL,
    version     text        NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE howdah.log (
    at      timestamptz NOT NULL,
    job_id  uuid        NOT NULL,
    fence   bigint      NOT NULL,
    attempt int         NOT NULL,
    level   text        NOT NULL,
    message text        NOT NULL,
    fields  jsonb
) PARTITION BY RANGE (at);
CREATE TABLE howdah.log_default PARTITION OF howdah.log DEFAULT;
CREATE INDEX log_job ON howdah.log (job_id);

-- A worker's memory of where to look, for one lane: see functions/claim.sql.
CREATE TYPE howdah.hint AS (
    epoch    timestamptz,
    queue    text,
    priority smallint,
    pos_xid  xid8,
    pos_id   uuid,
    late     xid8[]
);
