-- Goes on with the tick that comes next: those of the pause are not made up for. Refused when the
-- schedule was edited since the tick was computed.
UPDATE howdah.schedule AS s
SET paused_at = NULL,
    paused_by = NULL,
    next_at   = to_timestamp(:next_at::int8),
    revision  = s.revision + 1
WHERE s.name = :name::text
  AND s.revision = :revision::int8
  AND s.paused_at IS NOT NULL
RETURNING s.name
