-- What keeps vacuum from removing dead rows, the oldest first: transactions of this database that
-- are open, prepared transactions, and replication slots.
SELECT 'transaction', a.pid::int8, coalesce(a.application_name, ''), coalesce(a.state, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8, left(a.query, 300)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database()
  AND a.pid <> pg_backend_pid()
  AND a.xact_start IS NOT NULL
  AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
  AND a.backend_type <> 'autovacuum worker'
UNION ALL
SELECT 'prepared transaction', NULL, p.gid, 'prepared',
       extract(epoch FROM clock_timestamp() - p.prepared)::float8, NULL
FROM pg_catalog.pg_prepared_xacts AS p
WHERE p.database = current_database()
UNION ALL
SELECT 'replication slot', s.active_pid::int8, s.slot_name::text,
       CASE WHEN s.active THEN 'active' ELSE 'inactive' END, NULL, NULL
FROM pg_catalog.pg_replication_slots AS s
WHERE s.xmin IS NOT NULL AND NOT s.active
ORDER BY 5 DESC NULLS LAST
LIMIT 5
