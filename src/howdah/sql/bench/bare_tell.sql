-- Tells who listens something else than a row's id.
SELECT pg_notify(:channel::text, :word::text)::text
