-- The schema, where there is none yet (IF NOT EXISTS would ask for the right to create schemas
-- also where it is there), and the list of what was applied.
DO $migrate$
BEGIN
    IF to_regnamespace(quote_ident(__schema__)) IS NULL THEN
        CREATE SCHEMA __schema_name__;
    END IF;
END
$migrate$;

CREATE TABLE IF NOT EXISTS howdah.version (
    migration  int         PRIMARY KEY,
    name       text        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('expand', 'contract')),
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
