-- Renews the leases of one supervisor's workers. Those not answered with were released by
-- somebody who took them for dead: what they held may be running elsewhere.
UPDATE howdah.worker AS w
SET beat_at = howdah.now()
WHERE w.id = ANY (:ids::text::bigint[])
RETURNING w.id
