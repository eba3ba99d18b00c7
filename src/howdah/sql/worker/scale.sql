-- Asks workers to run so many handlers at once; null: as many as they were started with.
UPDATE howdah.worker AS w
SET wanted_concurrency = :concurrency::int8::int
WHERE (w.id = :worker_id::int8 OR :worker_id::int8 IS NULL)
  AND (:queue::text = ANY (w.queues) OR :queue::text IS NULL)
RETURNING w.id
