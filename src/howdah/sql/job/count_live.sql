-- How many live jobs fit a filter. The archive, which may be large, is not looked at.
SELECT count(*)
FROM howdah.job AS v
WHERE (:state::text IS NULL OR v.state = ANY (string_to_array(:state::text, ',')))
  AND (:queue::text IS NULL OR v.queue = :queue::text)
  AND (:task::text IS NULL OR v.task = :task::text)
  AND (:key::text IS NULL OR v.key = :key::text)
