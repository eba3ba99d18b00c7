-- wake: makes a lane known. Nobody is told: with the portable profile workers look by themselves.

CREATE OR REPLACE FUNCTION howdah.wake(p_queue text, p_priority smallint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM howdah.lane WHERE queue = p_queue AND priority = p_priority) THEN
        INSERT INTO howdah.lane (queue, priority) VALUES (p_queue, p_priority);
    END IF;
END
$$;

-- Null says that there is nothing to hear.
CREATE OR REPLACE FUNCTION howdah.listen() RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT NULL::text $$;
