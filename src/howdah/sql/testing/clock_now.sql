-- What time it is in the schema of one test.
SELECT extract(epoch FROM howdah.now())::float8
