-- How many dead letters wait in a queue.
SELECT count(*)
FROM howdah.job AS j
WHERE j.queue = :queue::text AND j.source IS NOT NULL AND j.state IN ('created', 'retry')
