-- Lets keys go on whose failed job is not kept any more, and answers with them.
SELECT f.queue, f.line, f.job_id::text
FROM howdah.free_keys(:limit::int8::int) AS f
