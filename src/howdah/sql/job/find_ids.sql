-- Ids of jobs that fit a filter, the newest first, before a given one: a batch to act on. Workers
-- take the oldest first, so whoever cancels a queue meets them in the middle and not all the way.
SELECT v.id::text
FROM howdah.jobs AS v
WHERE (:state::text IS NULL OR v.state = ANY (string_to_array(:state::text, ',')))
  AND (:queue::text IS NULL OR v.queue = :queue::text)
  AND (:task::text IS NULL OR v.task = :task::text)
  AND (:key::text IS NULL OR v.key = :key::text)
  AND (:before::text IS NULL OR v.id < :before::text::uuid)
ORDER BY v.id DESC
LIMIT :limit::int8
