-- Gives the schema of one test a clock that can be held and moved. The table is also the mark of
-- such a schema: the clock of no other one is ever touched.
CREATE TABLE howdah.testbed_clock (
    ahead   interval NOT NULL,
    held_at timestamptz
);

INSERT INTO howdah.testbed_clock (ahead) VALUES (interval '0');

CREATE OR REPLACE FUNCTION howdah.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(c.held_at, pg_catalog.now() + c.ahead) FROM howdah.testbed_clock AS c $$;
