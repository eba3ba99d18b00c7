-- expand: safe while older workers run
--
-- The tick for which a schedule sent a job, for its handler to read. Null for all other jobs.

ALTER TABLE howdah.job ADD COLUMN scheduled_for timestamptz;
ALTER TABLE howdah.archive ADD COLUMN scheduled_for timestamptz;

CREATE OR REPLACE VIEW howdah.jobs AS
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, NULL::timestamptz AS finished_at, worker_id,
       retry, expire_in, retention, cancel_requested_at, cancel_reason, progress, errors,
       NULL::jsonb AS result, NULL::date AS keep_until, ready_xid IS NOT NULL AS ready,
       deadline, blockers, held, line, limits, policy, flow_id, dead_letter, source, scheduled_for
FROM howdah.job
UNION ALL
SELECT id, queue, task, state, priority, attempt, crash_count, fence, key, tags, args,
       created_at, start_after, started_at, finished_at, worker_id,
       retry, expire_in, retention, NULL, cancel_reason, progress, errors,
       result, keep_until, false,
       deadline, NULL, NULL, line, limits, policy, flow_id, dead_letter, source, scheduled_for
FROM howdah.archive;
