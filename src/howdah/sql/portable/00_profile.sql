-- turn: where a job that can be claimed from now on stands in its lane
--
-- The microsecond at which this transaction began, the same for all that it makes claimable. Not a
-- sequence: that is one place which all nodes of a distributed database would ask.

CREATE OR REPLACE FUNCTION howdah.turn() RETURNS bigint
LANGUAGE sql STABLE
AS 'SELECT (extract(epoch FROM pg_catalog.now()) * 1000000)::bigint';
