-- How much a worker still has to do: the jobs it holds, and those it could claim from its queues.
SELECT count(*)
FROM howdah.job AS j
WHERE (j.state = 'active' AND j.worker_id = :worker_id::int8)
   OR (j.ready_xid IS NOT NULL AND j.queue = ANY (string_to_array(:queues::text, E'\x1e')))
