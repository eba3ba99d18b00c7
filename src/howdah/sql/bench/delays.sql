-- What the jobs of a task resulted in: here the nanoseconds from before the send to the handler.
SELECT (a.result #>> '{}')::int8
FROM howdah.archive AS a
WHERE a.task = :task::text
  AND a.state = 'completed'
