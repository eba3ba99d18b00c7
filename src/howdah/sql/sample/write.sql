-- Keeps what a worker counted. A write whose answer was lost is repeated under the same moment, and
-- counts once.
INSERT INTO howdah.sample (at, worker_id, queue, done, retried, run_time, latency)
SELECT :at::text::timestamptz, :worker_id::int8, c.queue, c.done, c.retried, c.run_time, c.latency
FROM jsonb_to_recordset(:counts::text::jsonb)
    AS c (queue text, done bigint, retried bigint, run_time bigint[], latency bigint[])
ON CONFLICT DO NOTHING
