-- How the table of live jobs is kept: live and dead rows, bytes with indexes, seconds since it was
-- last vacuumed (null: never, or statistics were reset), and whether it may be.
SELECT coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), pg_total_relation_size(c.oid),
       extract(epoch FROM clock_timestamp() - greatest(s.last_autovacuum, s.last_vacuum))::float8,
       current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean
       AND NOT EXISTS (SELECT FROM unnest(c.reloptions) AS o (said)
                       WHERE o.said IN ('autovacuum_enabled=false', 'autovacuum_enabled=off'))
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
WHERE n.nspname = :schema::text AND c.relname = 'job'
