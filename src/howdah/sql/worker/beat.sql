-- Renews the leases of one supervisor's workers, and tells how much memory each takes. Those not
-- answered with were released by somebody who took them for dead: what they held may be running
-- elsewhere.
UPDATE howdah.worker AS w
SET beat_at = howdah.now(),
    memory  = coalesce(b.memory, w.memory)
FROM unnest(:ids::text::bigint[], :memory::text::bigint[]) AS b (id, memory)
WHERE w.id = b.id
RETURNING w.id
