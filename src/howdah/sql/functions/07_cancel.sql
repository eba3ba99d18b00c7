-- cancel: created, retry, waiting -> cancelled; active -> active, asked to stop
--
-- Answers with the state after the call. A running job is only asked: its worker hears of it
-- within a second or so, stops the handler and cancels it then.
-- Raises HW002 when the job has finished, HW003 when there is none.

CREATE OR REPLACE FUNCTION howdah.cancel(p_id uuid, p_reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_state text;
    v_fence bigint;
BEGIN
    -- The lock makes the look and the write one: a claim that is under way is waited for.
    UPDATE howdah.job AS j
    SET cancel_requested_at = coalesce(j.cancel_requested_at, howdah.now()),
        cancel_reason       = coalesce(p_reason, j.cancel_reason)
    WHERE j.id = p_id
    RETURNING j.state, j.fence INTO v_state, v_fence;
    IF v_state = 'active' THEN
        RETURN 'active';
    ELSIF v_state IS NOT NULL THEN
        PERFORM howdah.finish(ARRAY[p_id], ARRAY[v_fence], ARRAY['cancelled'],
                              ARRAY[NULL]::text[], ARRAY[NULL]::text[], '{created,retry,waiting}');
        RETURN 'cancelled';
    END IF;
    PERFORM howdah.refuse('cancel', p_id, 'created, retry, active or waiting');
END
$$;

-- Says why a verb cannot be carried out on a job that is not live in a fitting state.
CREATE OR REPLACE FUNCTION howdah.refuse(p_verb text, p_id uuid, p_allowed text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_state text;
BEGIN
    SELECT v.state INTO v_state FROM howdah.jobs AS v WHERE v.id = p_id;
    IF v_state IS NULL THEN
        RAISE EXCEPTION 'cannot % job %: there is no such job, not even in the archive', p_verb, p_id
            USING ERRCODE = 'HW003', DETAIL = jsonb_build_object('job_id', p_id)::text;
    END IF;
    RAISE EXCEPTION 'cannot % job %: it is %, and only % jobs can', p_verb, p_id, v_state, p_allowed
        USING ERRCODE = 'HW002',
              DETAIL = jsonb_build_object('job_id', p_id, 'verb', p_verb, 'state', v_state)::text;
END
$$;
