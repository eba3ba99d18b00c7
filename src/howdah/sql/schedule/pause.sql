-- Sends no more ticks until it is resumed. One that is paused stays so, as it is.
UPDATE howdah.schedule AS s
SET paused_at = coalesce(s.paused_at, howdah.now()),
    paused_by = CASE WHEN s.paused_at IS NULL THEN :by::text ELSE s.paused_by END
WHERE s.name = :name::text
RETURNING s.name
