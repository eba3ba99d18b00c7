-- As find_ids, of live jobs: the archive, which may be large, is not looked at.
SELECT v.id::text
FROM howdah.job AS v
WHERE (:state::text IS NULL OR v.state = ANY (string_to_array(:state::text, ',')))
  AND (:queue::text IS NULL OR v.queue = :queue::text)
  AND (:task::text IS NULL OR v.task = :task::text)
  AND (:key::text IS NULL OR v.key = :key::text)
  AND (:before::text IS NULL OR v.id < :before::text::uuid)
ORDER BY v.id DESC
LIMIT :limit::int8
