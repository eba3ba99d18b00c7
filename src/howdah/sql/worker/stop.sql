-- Asks workers to leave, as a SIGTERM does.
UPDATE howdah.worker AS w
SET stop_asked_at = coalesce(w.stop_asked_at, howdah.now())
WHERE (w.id = :worker_id::int8 OR :worker_id::int8 IS NULL)
  AND (:queue::text = ANY (w.queues) OR :queue::text IS NULL)
RETURNING w.id
