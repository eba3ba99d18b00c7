-- How much a worker still has to do: the jobs it holds, and those it could claim from its queues;
-- and how many stand in a line there, which limits may hold up.
SELECT count(*) FILTER (WHERE j.state = 'active' OR j.line IS NULL),
       count(*) FILTER (WHERE j.state <> 'active' AND j.line IS NOT NULL)
FROM howdah.job AS j
LEFT JOIN howdah.queue AS q ON q.name = j.queue
WHERE (j.state = 'active' AND j.worker_id = :worker_id::int8)
   OR (j.ready_xid IS NOT NULL AND j.queue = ANY (string_to_array(:queues::text, E'\x1e'))
       AND q.paused_at IS NULL AND coalesce(q.blocked_until <= howdah.now(), true))
