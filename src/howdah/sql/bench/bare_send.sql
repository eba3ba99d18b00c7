-- Stores a row and tells who listens, in one round trip. The row is none that a worker would claim.
WITH sent AS (
    INSERT INTO howdah.job (id, queue, task, args)
    VALUES (:id::text::uuid, :queue::text, :queue::text, :args::text::jsonb)
    RETURNING id)
SELECT pg_notify(:channel::text, s.id::text)::text
FROM sent AS s
