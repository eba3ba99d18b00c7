-- Whether anything was ever migrated into the schema. Not by to_regclass: a session that waited for
-- the lock still remembers that there was no such name, and would migrate a second time.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema::text AND c.relname = 'version')
