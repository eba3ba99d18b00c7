-- Lets nothing begin for a while: of a queue, or of what draws from a limit. A wait that is longer
-- already stays.
WITH limited AS (
    UPDATE howdah.quota AS q
    SET blocked_until = greatest(q.blocked_until, howdah.now() + :seconds::float8 * interval '1 second')
    WHERE q.name = :name::text
    RETURNING q.name)
INSERT INTO howdah.queue AS q (name, blocked_until)
SELECT :queue::text, howdah.now() + :seconds::float8 * interval '1 second'
WHERE :name::text IS NULL
ON CONFLICT (name) DO UPDATE
SET blocked_until = greatest(q.blocked_until, EXCLUDED.blocked_until)
