-- wake: tells idle workers that a queue has something to claim.
--
-- Notifies only when some worker is idle: NOTIFY takes a lock at commit that all notifying
-- commits of the database share, and costs 16 concurrent senders two thirds of their throughput.
-- An idle worker holds a shared advisory lock; taking it exclusively and letting go at once in
-- the same call succeeds exactly when nobody is idle, also behind a transaction pooler. A worker
-- that goes idle between this look and the sender's commit looks again by itself a few
-- milliseconds later (see _worker/claimer.py).

CREATE OR REPLACE FUNCTION howdah.wake(p_queue text, p_priority smallint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_lock bigint := howdah.idle_lock(p_queue);
BEGIN
    IF NOT EXISTS (SELECT FROM howdah.lane WHERE queue = p_queue AND priority = p_priority) THEN
        INSERT INTO howdah.lane (queue, priority) VALUES (p_queue, p_priority);
    END IF;
    IF pg_try_advisory_lock(v_lock) THEN
        PERFORM pg_advisory_unlock(v_lock);
    ELSE
        PERFORM pg_notify(howdah.channel(), '');
    END IF;
END
$$;

-- Makes this session hear what wake says. A function, since LISTEN takes no parameters.
CREATE OR REPLACE FUNCTION howdah.listen() RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    EXECUTE format('LISTEN %I', howdah.channel());
    RETURN howdah.channel();
END
$$;
