-- Asks workers to claim nothing. The first pause of several is kept.
UPDATE howdah.worker AS w
SET paused_by = CASE WHEN w.paused_at IS NULL THEN :by::text ELSE w.paused_by END,
    paused_at = coalesce(w.paused_at, howdah.now())
WHERE (w.id = :worker_id::int8 OR :worker_id::int8 IS NULL)
  AND (:queue::text = ANY (w.queues) OR :queue::text IS NULL)
RETURNING w.id
