-- Says that somebody is benchmarking in this schema, until the session ends.
SELECT pg_advisory_lock(hashtextextended(:schema::text, 0))::text
