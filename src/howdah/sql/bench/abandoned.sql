-- Schemas of benchmarks that were killed before they could clean up: nobody holds their lock. The
-- session holds it from now on. Materialized, or locks might be tried on other schemas' names.
WITH ours AS MATERIALIZED (
    SELECT n.nspname::text AS name
    FROM pg_namespace AS n
    WHERE n.nspname LIKE 'howdah\_bench\_%')
SELECT o.name
FROM ours AS o
WHERE pg_try_advisory_lock(hashtextextended(o.name, 0))
