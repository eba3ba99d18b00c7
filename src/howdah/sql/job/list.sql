-- Jobs, the newest first, one page. Pages by id: a UUID v7 orders by the time of sending.
SELECT v.id::text, v.queue, v.task, v.state, v.priority::int8, v.attempt::int8, v.crash_count::int8,
       v.fence, v.key, array_to_json(v.tags)::text, v.args::text,
       extract(epoch FROM v.created_at)::float8, extract(epoch FROM v.start_after)::float8,
       extract(epoch FROM v.started_at)::float8, extract(epoch FROM v.finished_at)::float8,
       v.worker_id, v.retry::text, extract(epoch FROM v.expire_in)::float8,
       extract(epoch FROM v.retention)::float8, extract(epoch FROM v.cancel_requested_at)::float8,
       v.cancel_reason, v.progress::text, v.errors::text, v.result::text, v.ready
FROM howdah.jobs AS v
WHERE (:state::text IS NULL OR v.state = ANY (string_to_array(:state::text, ',')))
  AND (:queue::text IS NULL OR v.queue = :queue::text)
  AND (:task::text IS NULL OR v.task = :task::text)
  AND (:key::text IS NULL OR v.key = :key::text)
  AND (:before::text IS NULL OR v.id < :before::text::uuid)
ORDER BY v.id DESC
LIMIT :limit::int8
