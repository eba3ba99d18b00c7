-- Queues with what is said of them and what stands in them: all that are known, or one. The live
-- counts come from the small table; what finished is not counted here.
SELECT n.name,
       count(j.id) FILTER (WHERE j.ready_xid IS NOT NULL),
       count(j.id) FILTER (WHERE j.ready_xid IS NULL AND j.held IS NULL
                             AND j.state IN ('created', 'retry')),
       count(j.id) FILTER (WHERE j.held IS NOT NULL),
       count(j.id) FILTER (WHERE j.state = 'active'),
       count(j.id) FILTER (WHERE j.state = 'waiting'),
       extract(epoch FROM howdah.now() - min(j.created_at) FILTER (WHERE j.ready_xid IS NOT NULL))::float8,
       coalesce(q.code, '{}')::text, coalesce(q.override, '{}')::text,
       extract(epoch FROM q.paused_at)::float8, q.paused_by, q.pause_reason,
       coalesce(q.paused_with_all, false), extract(epoch FROM q.blocked_until)::float8
FROM (SELECT unnest(howdah.queue_names()) UNION SELECT d.name FROM howdah.queue AS d) AS n (name)
LEFT JOIN howdah.queue AS q ON q.name = n.name
LEFT JOIN howdah.job AS j ON j.queue = n.name
WHERE :name::text IS NULL OR n.name = :name::text
GROUP BY n.name, q.name
HAVING q.deleted_at IS NULL OR count(j.id) > 0
ORDER BY n.name
