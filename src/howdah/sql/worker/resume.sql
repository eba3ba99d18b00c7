-- Ends pauses of workers.
UPDATE howdah.worker AS w
SET paused_at = NULL,
    paused_by = NULL
WHERE (w.id = :worker_id::int8 OR :worker_id::int8 IS NULL)
  AND (:queue::text = ANY (w.queues) OR :queue::text IS NULL)
RETURNING w.id
