-- The live workers, the oldest first.
SELECT w.id, w.host, w.pid::int8, array_to_json(w.queues)::text, w.concurrency::int8, w.version,
       extract(epoch FROM w.started_at)::float8,
       extract(epoch FROM howdah.now() - w.beat_at)::float8,
       extract(epoch FROM w.lease)::float8
FROM howdah.worker AS w
ORDER BY w.id
