-- How much the cluster has written to its log since it was made.
SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8
