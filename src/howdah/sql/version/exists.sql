-- Whether anything was ever migrated into the schema.
SELECT to_regclass(quote_ident(:schema) || '.version') IS NOT NULL
