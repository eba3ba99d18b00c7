-- Forgets warnings that are over for so many days.
DELETE FROM howdah.warning AS w
WHERE w.id = ANY (ARRAY(
    SELECT o.id FROM howdah.warning AS o
    WHERE o.last_at < howdah.now() - :days::float8 * interval '1 day'
    FOR UPDATE SKIP LOCKED))
