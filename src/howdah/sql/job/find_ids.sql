-- Ids of jobs that fit a filter, the oldest first, after a given one: a batch to act on.
SELECT v.id::text
FROM howdah.jobs AS v
WHERE (:state::text IS NULL OR v.state = ANY (string_to_array(:state::text, ',')))
  AND (:queue::text IS NULL OR v.queue = :queue::text)
  AND (:task::text IS NULL OR v.task = :task::text)
  AND (:key::text IS NULL OR v.key = :key::text)
  AND (:after::text IS NULL OR v.id > :after::text::uuid)
ORDER BY v.id
LIMIT :limit::int8
