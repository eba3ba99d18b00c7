-- The claims that count as this worker's. No index serves it, on purpose (see functions/05_finish):
-- it is asked only after a claim whose answer never came.
SELECT j.id::text, j.fence
FROM howdah.job AS j
WHERE j.worker_id = :worker_id::int8
  AND j.state = 'active'
