-- What the current role may do in the schema: kind, name, privilege, and whether it is held.
SELECT 'schema', n.nspname::text, p.name, has_schema_privilege(n.oid, p.name)
FROM pg_catalog.pg_namespace AS n
CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS p (name)
WHERE n.nspname = :schema::text
UNION ALL
SELECT 'table', c.relname::text, p.name,
       CASE p.name WHEN 'OWNER' THEN pg_has_role(c.relowner, 'USAGE')
                   WHEN 'DELETE' THEN has_table_privilege(c.oid, p.name)
                   ELSE has_any_column_privilege(c.oid, p.name) END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('OWNER')) AS p (name)
WHERE n.nspname = :schema::text
  AND c.relkind IN ('r', 'p', 'v')
  AND NOT c.relispartition
UNION ALL
SELECT 'function', f.proname::text, 'EXECUTE', bool_and(has_function_privilege(f.oid, 'EXECUTE'))
FROM pg_catalog.pg_proc AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
WHERE n.nspname = :schema::text
GROUP BY f.proname
ORDER BY 1, 2, 3
