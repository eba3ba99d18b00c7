-- Says something over what the code says of a limit; a limit that no code knows is made.
INSERT INTO howdah.quota AS q (name, override)
VALUES (:name::text, :override::text::jsonb)
ON CONFLICT (name) DO UPDATE
SET override   = EXCLUDED.override,
    updated_at = howdah.now()
RETURNING q.name, howdah.wake_quotas(ARRAY[q.name])::text
