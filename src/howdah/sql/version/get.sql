-- The newest migration applied that matters to a version which knows so many: an older version
-- may go on working beside later ones that only expanded the schema.
SELECT coalesce(max(migration), 0)
FROM howdah.version
WHERE migration <= :known::int8 OR kind = 'contract'
