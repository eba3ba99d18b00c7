-- Lets nothing begin for a while: of a queue, or of what draws from a limit. A wait that is longer
-- already stays. Answers with the names of all limits where there is none of that name.
WITH limited AS (
    UPDATE howdah.quota AS q
    SET blocked_until = greatest(q.blocked_until, howdah.now() + :seconds::float8 * interval '1 second')
    WHERE q.name = :name::text
    RETURNING q.name),
queued AS (
    INSERT INTO howdah.queue AS q (name, blocked_until)
    SELECT :queue::text, howdah.now() + :seconds::float8 * interval '1 second'
    WHERE :name::text IS NULL
    ON CONFLICT (name) DO UPDATE
    SET blocked_until = greatest(q.blocked_until, EXCLUDED.blocked_until))
SELECT (SELECT coalesce(json_agg(q.name ORDER BY q.name), '[]')::text FROM howdah.quota AS q)
WHERE :name::text IS NOT NULL
  AND NOT EXISTS (SELECT FROM limited)
