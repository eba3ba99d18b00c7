-- retry: completed, failed, expired, cancelled -> retry; retry -> retry, at once
--
-- Runs a finished job again, with a fresh budget of attempts and crashes, the same id and what
-- its earlier attempts left. A job that waits for its next attempt runs now.
-- Raises HW002 for a job in another state, HW003 when there is none or a parent that it waits for is
-- gone, HW004 when another live job holds its key.

CREATE OR REPLACE FUNCTION howdah.retry(p_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_lane record;
BEGIN
    PERFORM howdah.hold_parents(p_id);
    -- Twice, since somebody else may have brought it back between the two looks.
    FOR i IN 1..2 LOOP
        UPDATE howdah.job AS j
        SET start_after = NULL,
            ready_xid   = CASE WHEN j.held IS NULL THEN pg_current_xact_id() END
        WHERE j.id = p_id AND j.state = 'retry'
        RETURNING j.queue, j.priority, j.line INTO v_lane;
        IF FOUND THEN
            IF v_lane.line IS NOT NULL THEN
                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, ARRAY[v_lane.line]);
            END IF;
            EXIT;
        END IF;
        WITH back AS (
            DELETE FROM howdah.archive AS a WHERE a.id = p_id RETURNING a.*)
        INSERT INTO howdah.job (
            fence, ready_xid, created_at, id, priority, state, queue, task, args, key, tags,
            retry, expire_in, retention, errors, line, limits, policy, flow_id, dead_letter, source,
            scheduled_for, sending)
        SELECT b.fence, pg_current_xact_id(), b.created_at, b.id, b.priority, 'retry', b.queue,
               b.task, b.args, b.key, b.tags, b.retry, b.expire_in, b.retention, b.errors,
               b.line, b.limits, b.policy, b.flow_id, b.dead_letter, b.source,
               b.scheduled_for,
               -- One that was over before sends were numbered was sent before all that are.
               CASE WHEN b.policy IN ('key_strict_fifo', 'stately') THEN coalesce(b.sending, 0) END
        FROM back AS b
        RETURNING queue, priority, flow_id, policy, line, limits, sending INTO v_lane;
        IF FOUND THEN
            IF v_lane.line IS NOT NULL THEN
                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, v_lane.limits,
                                       ARRAY[v_lane.line]);
            END IF;
            IF v_lane.sending IS NOT NULL THEN
                PERFORM howdah.hold_head(v_lane.queue, v_lane.line, v_lane.sending);
            END IF;
            IF v_lane.flow_id IS NOT NULL THEN
                PERFORM howdah.rejoin(p_id);
            END IF;
            IF v_lane.policy = 'key_strict_fifo' THEN
                PERFORM howdah.unblock_key(v_lane.queue, v_lane.line, p_id);
            END IF;
            EXIT;
        END IF;
    END LOOP;
    IF v_lane.queue IS NULL THEN
        PERFORM howdah.refuse('retry', p_id, 'retry, completed, failed, expired or cancelled');
    END IF;
    PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    RETURN 'retry';
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'cannot retry job %: another live job holds its key', p_id
        USING ERRCODE = 'HW004', DETAIL = jsonb_build_object('job_id', p_id)::text,
              HINT = 'Wait for that job, or cancel it.';
END
$$;

-- resume: waiting -> retry
--
-- Makes a suspended job claimable again.
CREATE OR REPLACE FUNCTION howdah.resume(p_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_lane record;
BEGIN
    UPDATE howdah.job AS j
    SET state       = 'retry',
        start_after = NULL,
        ready_xid   = pg_current_xact_id()
    WHERE j.id = p_id AND j.state = 'waiting'
    RETURNING j.queue, j.priority, j.line INTO v_lane;
    IF NOT FOUND THEN
        PERFORM howdah.refuse('resume', p_id, 'waiting');
    END IF;
    IF v_lane.line IS NOT NULL THEN
        PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, ARRAY[v_lane.line]);
    END IF;
    PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    RETURN 'retry';
END
$$;
