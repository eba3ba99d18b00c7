-- What a job's handler logged, oldest first.
SELECT extract(epoch FROM l.at)::float8, l.level, l.message, l.fields::text, l.attempt::int8
FROM howdah.log AS l
WHERE l.job_id = :id::text::uuid
ORDER BY l.at, l.fence
LIMIT :limit::int8
