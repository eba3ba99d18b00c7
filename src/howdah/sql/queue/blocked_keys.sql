-- The keys of a queue that failed jobs block, each of which has a row.
SELECT b.line, b.job_id::text, extract(epoch FROM b.at)::float8
FROM howdah.blocked_key AS b
WHERE b.queue = :queue::text
ORDER BY b.at, b.line, b.job_id
