-- What is paused: everything, queues by themselves, tasks.
SELECT p.kind, p.name, extract(epoch FROM p.at)::float8, p.by, p.reason
FROM howdah.pause AS p
UNION ALL
SELECT 'queue', q.name, extract(epoch FROM q.paused_at)::float8, q.paused_by, q.pause_reason
FROM howdah.queue AS q
WHERE q.paused_at IS NOT NULL AND NOT q.paused_with_all
ORDER BY 1, 2
