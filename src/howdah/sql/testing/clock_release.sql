-- Lets the clock of one test run again. It catches up with the time that passed meanwhile: what
-- the test's own code calls now must not lie in the future for the database.
UPDATE howdah.testbed_clock AS c
SET held_at = NULL
RETURNING extract(epoch FROM pg_catalog.now() + c.ahead)::float8
