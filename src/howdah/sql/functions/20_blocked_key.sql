-- free_keys: lets keys go on whose failed job is not kept any more
--
-- Nobody could retry or delete it, so its key would be blocked for ever. Answers with what was freed,
-- for whoever is to be told: at most p_limit. Each job is looked up in one snapshot with its key,
-- so one that is brought back or that fails now is not taken for gone.

CREATE OR REPLACE FUNCTION howdah.free_keys(p_limit int)
RETURNS TABLE (queue text, line text, job_id uuid)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_key record;
BEGIN
    FOR v_key IN
        DELETE FROM howdah.blocked_key AS b
        WHERE b.ctid = ANY (ARRAY(
            SELECT k.ctid
            FROM howdah.blocked_key AS k
            WHERE NOT EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = k.job_id)
            LIMIT p_limit
            FOR UPDATE SKIP LOCKED))
        RETURNING b.queue, b.line, b.job_id
    LOOP
        PERFORM howdah.wake_queue(v_key.queue);
        queue := v_key.queue;
        line := v_key.line;
        job_id := v_key.job_id;
        RETURN NEXT;
    END LOOP;
END
$$;
