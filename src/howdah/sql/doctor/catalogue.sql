-- All objects of a schema, each with the SQL that makes it and the SQL that takes it away.
--
-- kind, name, what it is part of, its definition, its shape (what CREATE OR REPLACE cannot change),
-- how to make it, how to drop it. Parts of a column have no DROP: to make them is to set them.
-- Day partitions are left out, and what partitions and constraints bring along by themselves.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relpartbound,
           format('%I.%I', n.nspname, c.relname) AS full_name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema::text
      AND c.relkind IN ('r', 'p', 'v', 'c')
      AND NOT (c.relispartition AND c.relname ~ '_([0-9]{8}|endless)$')),
field AS (
    SELECT r.relname, r.full_name, r.relkind, r.relispartition, a.attname, a.attnum, a.attnotnull,
           format_type(a.atttypid, a.atttypmod) AS type,
           a.attidentity <> '' AS is_identity, pg_get_expr(d.adbin, d.adrelid) AS initial
    FROM relation AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped),
described AS (
    SELECT f.*, format('%I %s', f.attname, f.type)
                || CASE WHEN f.is_identity THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END
                || coalesce(' DEFAULT ' || f.initial, '')
                || CASE WHEN f.attnotnull THEN ' NOT NULL' ELSE '' END AS said
    FROM field AS f),
made AS (
    SELECT f.relname, string_agg(f.said, E',\n    ' ORDER BY f.attnum) AS columns,
           string_agg(format('%I %s', f.attname, f.type), ', ' ORDER BY f.attnum) AS fields
    FROM described AS f
    GROUP BY f.relname),
routine AS (
    SELECT f.oid, f.proacl, f.proowner, pg_get_functiondef(f.oid) AS definition,
           format('%I.%I(%s)', n.nspname, f.proname,
                  pg_get_function_identity_arguments(f.oid)) AS full_name,
           format('%I(%s)', f.proname, pg_get_function_identity_arguments(f.oid)) AS name,
           concat(pg_get_function_result(f.oid), ' ', pg_get_function_arguments(f.oid)) AS shape
    FROM pg_catalog.pg_proc AS f
    JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE n.nspname = :schema::text AND f.prokind IN ('f', 'p'))
SELECT 'type', r.relname::text, '', m.fields, '',
       format('CREATE TYPE %s AS (%s)', r.full_name, m.fields), 'DROP TYPE ' || r.full_name
FROM relation AS r JOIN made AS m ON m.relname = r.relname
WHERE r.relkind = 'c'
UNION ALL
SELECT 'table', r.relname::text, '', concat_ws(' ', how.parent, how.bound, how.key), '',
       'CREATE TABLE ' || r.full_name
       || CASE WHEN r.relispartition THEN format(' PARTITION OF %s %s', how.parent, how.bound)
               ELSE format(E' (\n    %s\n)', m.columns) END
       || coalesce(' PARTITION BY ' || how.key, ''),
       ''
FROM relation AS r
LEFT JOIN made AS m ON m.relname = r.relname
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END AS key,
           pg_get_expr(r.relpartbound, r.oid) AS bound,
           (SELECT p.full_name FROM pg_catalog.pg_inherits AS i
            JOIN relation AS p ON p.oid = i.inhparent WHERE i.inhrelid = r.oid) AS parent) AS how
WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'column', f.relname || '.' || f.attname, f.relname, '', '',
       format('ALTER TABLE %s ADD COLUMN %s', f.full_name, f.said), ''
FROM described AS f
WHERE f.relkind IN ('r', 'p') AND NOT f.relispartition
UNION ALL
SELECT 'column type', f.relname || '.' || f.attname, f.relname || '.' || f.attname, f.type, '',
       format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I::%s',
              f.full_name, f.attname, f.type, f.attname, f.type), ''
FROM field AS f
WHERE f.relkind IN ('r', 'p') AND NOT f.relispartition
UNION ALL
SELECT 'default', f.relname || '.' || f.attname, f.relname || '.' || f.attname,
       CASE WHEN f.is_identity THEN 'identity' ELSE coalesce(f.initial, 'none') END, '',
       format('ALTER TABLE %s ALTER COLUMN %I %s', f.full_name, f.attname,
              CASE WHEN f.is_identity THEN 'ADD GENERATED ALWAYS AS IDENTITY'
                   WHEN f.initial IS NULL THEN 'DROP DEFAULT'
                   ELSE 'SET DEFAULT ' || f.initial END), ''
FROM field AS f
WHERE f.relkind IN ('r', 'p') AND NOT f.relispartition
UNION ALL
SELECT 'null', f.relname || '.' || f.attname, f.relname || '.' || f.attname,
       CASE WHEN f.attnotnull THEN 'refused' ELSE 'allowed' END, '',
       format('ALTER TABLE %s ALTER COLUMN %I %s NOT NULL', f.full_name, f.attname,
              CASE WHEN f.attnotnull THEN 'SET' ELSE 'DROP' END), ''
FROM field AS f
WHERE f.relkind IN ('r', 'p') AND NOT f.relispartition
UNION ALL
SELECT 'constraint', r.relname || '.' || k.conname, '', pg_get_constraintdef(k.oid), '',
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', r.full_name, k.conname,
              pg_get_constraintdef(k.oid)),
       format('ALTER TABLE %s DROP CONSTRAINT %I', r.full_name, k.conname)
FROM pg_catalog.pg_constraint AS k
JOIN relation AS r ON r.oid = k.conrelid
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT r.relispartition
UNION ALL
SELECT 'index', i.relname::text, '',
       pg_get_indexdef(x.indexrelid) || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END, '',
       -- Of a partitioned table it is printed without those of the partitions, and invalid so.
       replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON '), format('DROP INDEX %I.%I', n.nspname, i.relname)
FROM pg_catalog.pg_index AS x
JOIN relation AS r ON r.oid = x.indrelid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
WHERE NOT i.relispartition
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = x.indexrelid)
UNION ALL
SELECT 'function', f.name, '', f.definition, f.shape, f.definition, 'DROP FUNCTION ' || f.full_name
FROM routine AS f
UNION ALL
SELECT 'execute by public', f.name, f.name,
       CASE WHEN EXISTS (
           SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a
           WHERE a.grantee = 0) THEN 'granted' ELSE 'revoked' END, '',
       'REVOKE EXECUTE ON FUNCTION ' || f.full_name || ' FROM PUBLIC', ''
FROM routine AS f
UNION ALL
SELECT 'view', r.relname::text, '', pg_get_viewdef(r.oid), m.fields,
       format(E'CREATE OR REPLACE VIEW %s AS\n%s', r.full_name, pg_get_viewdef(r.oid)),
       'DROP VIEW ' || r.full_name
FROM relation AS r JOIN made AS m ON m.relname = r.relname
WHERE r.relkind = 'v'
UNION ALL
SELECT 'trigger', r.relname || '.' || t.tgname, '', pg_get_triggerdef(t.oid), '',
       pg_get_triggerdef(t.oid), format('DROP TRIGGER %I ON %s', t.tgname, r.full_name)
FROM pg_catalog.pg_trigger AS t
JOIN relation AS r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal AND NOT r.relispartition
