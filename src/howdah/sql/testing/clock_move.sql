-- Moves the clock of one test, standing or not. Answers with the time it then is.
UPDATE howdah.testbed_clock AS c
SET ahead   = c.ahead + :by::float8 * interval '1 second',
    held_at = c.held_at + :by::float8 * interval '1 second'
RETURNING extract(epoch FROM coalesce(c.held_at, pg_catalog.now() + c.ahead))::float8
