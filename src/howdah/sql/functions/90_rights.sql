-- Which functions run with the rights of the schema's owner. All others have their caller's.
--
-- Those that send, so that a role may send and nothing more: what a send reads and writes beside
-- the job itself, such as a job that it replaces or one that gives it room, is none of a sender's
-- business. And those that make and drop day partitions, which only an owner may, and no grant can
-- let others. What a worker or an operator does is what the tables allow: they are granted those.
--
-- The path is pinned, so that no operator or function of the caller's is met on the way.

ALTER FUNCTION howdah.send_receipt SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.send_plain SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.send_flow SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.must_ask SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.hold_head SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.line_up SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.wake SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.queue_names SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.ready_jobs SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.make_partitions SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.drop_partitions SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION howdah.delete_strays SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
