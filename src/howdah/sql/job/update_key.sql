-- update: created, retry -> the same, with other arguments or options
--
-- All that wait of the jobs of a task that have this key.
SELECT u.id::text
FROM howdah.update_jobs(:task::text, :key::text, :changes::text::jsonb) AS u (id)
ORDER BY u.id
