-- Takes a snapshot, which the transaction then holds.
SELECT pg_current_snapshot()::text
