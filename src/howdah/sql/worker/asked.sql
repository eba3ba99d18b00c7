-- What an operator asked of a worker, for the one that takes its place.
SELECT w.wanted_concurrency::int8, extract(epoch FROM w.paused_at)::float8, w.paused_by
FROM howdah.worker AS w
WHERE w.id = :worker_id::int8
