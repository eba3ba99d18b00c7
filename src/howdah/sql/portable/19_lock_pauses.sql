-- lock_pauses: as in functions/19_lock_pauses.sql, by the lock of a row
--
-- Of a row that only the migrator may write, in its name: whoever works in the schema needs no
-- right to it.

CREATE OR REPLACE FUNCTION howdah.lock_pauses() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM howdah.profile AS p WHERE p.name = 'portable' FOR UPDATE;
END
$$;
