-- lock_pauses: one who reads or writes what is paused after the other
--
-- So that a queue which is made known while everything is being paused is paused as well. Held
-- until the transaction ends.

CREATE OR REPLACE FUNCTION howdah.lock_pauses() RETURNS void
LANGUAGE sql VOLATILE
AS $$ SELECT pg_advisory_xact_lock(hashtextextended(howdah.channel() || '/pause', 0)) $$;
