-- turn: where a job that can be claimed from now on stands in its lane
--
-- The id of this transaction: claims find out from a snapshot which transactions they may have
-- missed. Inlined, so that it costs nothing. With the portable profile it is a moment.

CREATE OR REPLACE FUNCTION howdah.turn() RETURNS xid8
LANGUAGE sql STABLE
AS 'SELECT pg_catalog.pg_current_xact_id()';
