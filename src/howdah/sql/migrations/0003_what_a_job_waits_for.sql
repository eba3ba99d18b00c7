-- expand: safe while older workers run
--
-- What a job may have beside its task: a line among the jobs of its queue, limits, a deadline, the
-- policy of its queue, parents in a flow, and a queue for when it fails. A plain job has none of
-- them, and pays for none: they are null.

ALTER TABLE howdah.job
    -- When it is too late to begin.
    ADD COLUMN deadline    timestamptz,
    -- Parents that are not over yet; not null while there are some.
    ADD COLUMN blockers    int,
    -- Why nobody may claim it although its time has come: its task is paused ('task'), or it
    -- waits for its parents ('flow').
    ADD COLUMN held        text,
    -- Jobs of one line are claimed in order, and claims go round the lines of a queue.
    ADD COLUMN line        text COLLATE "C",
    -- What it takes a slot of while it runs, each as 'limit' or 'limit:key'.
    ADD COLUMN limits      text[],
    -- The policy of its queue when it was sent, unless that was the standard one.
    ADD COLUMN policy      text,
    ADD COLUMN flow_id     uuid,
    -- The queue that gets a copy when it fails.
    ADD COLUMN dead_letter text,
    -- Of such a copy: the id, queue and task of the job that failed.
    ADD COLUMN source      jsonb,
    ADD CONSTRAINT job_held CHECK (held IS NULL OR ready_xid IS NULL),
    ADD CONSTRAINT job_policy CHECK (
        policy IN ('short', 'singleton', 'stately', 'exclusive', 'key_strict_fifo'));

ALTER TABLE howdah.archive
    ADD COLUMN deadline    timestamptz,
    ADD COLUMN line        text COLLATE "C",
    ADD COLUMN limits      text[],
    ADD COLUMN policy      text,
    ADD COLUMN flow_id     uuid,
    ADD COLUMN dead_letter text,
    ADD COLUMN source      jsonb;

CREATE OR REPLACE VIEW howdah.jobs AS
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, NULL::timestamptz AS finished_at, worker_id,
       retry, expire_in, retention, cancel_requested_at, cancel_reason, progress, errors,
       NULL::jsonb AS result, NULL::date AS keep_until, ready_xid IS NOT NULL AS ready,
       deadline, blockers, held, line, limits, policy, flow_id, dead_letter, source
FROM howdah.job
UNION ALL
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, finished_at, worker_id,
       retry, expire_in, retention, NULL, cancel_reason, progress, errors,
       result, keep_until, false,
       deadline, NULL, NULL, line, limits, policy, flow_id, dead_letter, source
FROM howdah.archive;

-- A job with a line is claimed through an index of its own, so that plain claims need not pass
-- over it.
DROP INDEX howdah.job_ready;
CREATE INDEX job_ready ON howdah.job (queue, priority DESC, ready_xid, id)
    WHERE ready_xid IS NOT NULL AND line IS NULL;
CREATE INDEX job_line ON howdah.job (queue, priority DESC, line, ready_xid, id)
    WHERE ready_xid IS NOT NULL AND line IS NOT NULL;

-- A held job's time may come: it stays held.
DROP INDEX howdah.job_due;
CREATE INDEX job_due ON howdah.job (start_after)
    WHERE ready_xid IS NULL AND start_after IS NOT NULL AND state <> 'active' AND held IS NULL;
CREATE INDEX job_held ON howdah.job (held, task) WHERE held IS NOT NULL;

-- A queue that waits: somebody paused it, or a handler was told by its service to come later.
ALTER TABLE howdah.queue
    ADD COLUMN paused_at     timestamptz,
    ADD COLUMN paused_by     text,
    ADD COLUMN pause_reason  text,
    ADD COLUMN blocked_until timestamptz;
