-- Keeps what handlers logged.
INSERT INTO howdah.log (at, job_id, fence, attempt, level, message, fields)
SELECT to_timestamp(l.at), l.job_id, l.fence, l.attempt, l.level, l.message, l.fields
FROM jsonb_to_recordset(:lines::text::jsonb)
    AS l (at float8, job_id uuid, fence bigint, attempt int, level text, message text, fields jsonb)
