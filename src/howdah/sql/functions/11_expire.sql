-- expire: active -> retry while attempts are left, else expired
--
-- Ends attempts that ran over their time by p_grace and that their worker has not ended itself,
-- as when a handler blocks the loop. The worker's own timer comes first; this is the belt.
-- A job that says nothing about retries has the built-in policy here: only the worker knows what
-- the task's code says.

CREATE OR REPLACE FUNCTION howdah.expire(p_grace interval, p_limit int) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_job   record;
    v_error text;
    v_count bigint := 0;
    v_delay float8;
BEGIN
    FOR v_job IN
        SELECT j.id, j.fence, j.attempt, j.worker_id, j.expire_in, j.cancel_requested_at,
               j.retry
        FROM howdah.job AS j
        WHERE j.expire_at < howdah.now() - p_grace AND j.state = 'active'
        ORDER BY j.expire_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    LOOP
        v_error := jsonb_build_object(
            'type', 'JobExpired', 'at', howdah.now(), 'attempt', v_job.attempt,
            'worker_id', v_job.worker_id,
            'message', format('attempt %s ran longer than %s and its worker did not end it',
                              v_job.attempt, v_job.expire_in))::text;
        v_delay := howdah.next_delay(v_job.retry, v_job.attempt);
        IF v_delay IS NOT NULL AND v_job.cancel_requested_at IS NULL THEN
            PERFORM howdah.put_back(ARRAY[v_job.id], ARRAY[v_job.fence], ARRAY['retry'],
                                    ARRAY[v_delay], ARRAY[true], ARRAY[v_error]);
        ELSE
            PERFORM howdah.finish(
                ARRAY[v_job.id], ARRAY[v_job.fence],
                ARRAY[CASE WHEN v_job.cancel_requested_at IS NULL THEN 'expired' ELSE 'cancelled' END],
                ARRAY[NULL]::text[], ARRAY[v_error]);
        END IF;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
