-- The server processes that serve these applications.
SELECT a.pid::int8
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
  AND a.application_name = ANY (string_to_array(:names::text, E'\x1e'))
