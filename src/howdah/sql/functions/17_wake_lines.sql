-- wake_queues, wake_quotas: as wake, for those who make room for jobs that were held up

-- Tells idle workers of these queues that what was held up there may go on.
CREATE OR REPLACE FUNCTION howdah.wake_queues(p_queues text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_lock bigint;
BEGIN
    FOR v_lock IN SELECT DISTINCT howdah.idle_lock(q) FROM unnest(p_queues) AS q LOOP
        IF NOT pg_try_advisory_lock(v_lock) THEN
            PERFORM pg_notify(howdah.channel(), '');
            RETURN;
        END IF;
        PERFORM pg_advisory_unlock(v_lock);
    END LOOP;
END
$$;

-- The same, of the queues whose jobs draw from these quotas.
CREATE OR REPLACE FUNCTION howdah.wake_quotas(p_names text[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT howdah.wake_queues(ARRAY(
        SELECT q.queue FROM howdah.quota_queue AS q WHERE q.name = ANY (p_names)))
$$;
