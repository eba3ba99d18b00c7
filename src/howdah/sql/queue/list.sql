-- Every queue with what stands in it. The live counts come from the small table; what finished is
-- not counted here.
SELECT q.name,
       count(j.id) FILTER (WHERE j.ready_xid IS NOT NULL),
       count(j.id) FILTER (WHERE j.ready_xid IS NULL AND j.state IN ('created', 'retry')),
       count(j.id) FILTER (WHERE j.state = 'active'),
       count(j.id) FILTER (WHERE j.state = 'waiting'),
       extract(epoch FROM howdah.now() - min(j.created_at) FILTER (WHERE j.ready_xid IS NOT NULL))::float8
FROM (SELECT n.name FROM howdah.queue AS n UNION SELECT l.queue FROM howdah.lane AS l) AS q (name)
LEFT JOIN howdah.job AS j ON j.queue = q.name
GROUP BY q.name
ORDER BY q.name
