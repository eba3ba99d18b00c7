-- How many jobs of a task have completed and are kept.
SELECT count(*)
FROM howdah.archive AS a
WHERE a.task = :task::text
  AND a.state = 'completed'
