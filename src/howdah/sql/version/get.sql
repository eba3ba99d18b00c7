-- The newest migration applied.
SELECT coalesce(max(migration), 0) FROM howdah.version
