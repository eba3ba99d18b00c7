-- Which jobs hold a slot of a limit, and of which key, those that hold it the longest first.
SELECT j.id::text, j.task, j.queue, nullif(s.key, ''), j.worker_id,
       extract(epoch FROM j.started_at)::float8
FROM howdah.slot AS s
JOIN howdah.job AS j ON j.id = s.job_id
WHERE s.name = :name::text
ORDER BY j.started_at, j.id
LIMIT :limit::int8
