-- Prefixes of which all four roles are there and may use the schema.
SELECT left(r.rolname, -length('_worker'))
FROM pg_catalog.pg_roles AS r
WHERE r.rolname LIKE '%\_worker'
  AND (SELECT count(*) = 4
       FROM pg_catalog.pg_namespace AS n
       CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
       JOIN pg_catalog.pg_roles AS k ON k.oid = a.grantee
       WHERE n.nspname = :schema::text AND a.privilege_type = 'USAGE'
         AND k.rolname IN (SELECT left(r.rolname, -length('_worker')) || s.suffix
                           FROM (VALUES ('_producer'), ('_worker'), ('_viewer'), ('_operator'))
                               AS s (suffix)))
ORDER BY 1
