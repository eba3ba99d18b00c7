-- The database's time, from which the first tick is computed.
SELECT extract(epoch FROM howdah.now())::float8
