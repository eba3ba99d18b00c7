-- put_back: active -> retry (retry, snooze, release), active -> waiting (suspend)
--
-- Gives running jobs back, many in one call. p_delays: seconds until each may run again, null for
-- at once (or, for a suspended one, for never by itself). p_spent: false gives the attempt back,
-- as a snooze and a shutdown do. The fence is not lowered with the attempt: a worker that lost
-- the job and wakes up late must still be refused.
-- A job that was asked to stop meanwhile becomes cancelled instead: that wish must not be lost.
-- So does one of a stately queue fail, that has another one of its key waiting for a retry: there
-- may be one in each state. State 'held' gives back a job of a paused task.
-- Answers as finish does.

CREATE OR REPLACE FUNCTION howdah.put_back(
    p_ids uuid[], p_fences bigint[], p_states text[], p_delays float8[], p_spent boolean[],
    p_errors text[]
) RETURNS TABLE (applied bigint, ids text)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_ended     text;
    v_lane      record;
    v_quotas    text[];
    v_queues    text[];
BEGIN
    -- Locked before it is asked who is to stop. A cancel that commits between that look and the
    -- write would keep the write off, and the job active with nobody running it.
    WITH held AS MATERIALIZED (
        SELECT j.id, j.fence, o.error,
               CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                    WHEN j.policy = 'stately' AND o.spent
                     AND EXISTS (SELECT FROM howdah.job AS k
                                 WHERE k.queue = j.queue AND k.line = j.line
                                   AND k.policy = 'stately' AND k.state = 'retry') THEN 'failed'
               END AS outcome
        FROM unnest(p_ids, p_fences, p_spent, p_errors) AS o (id, fence, spent, error)
        JOIN howdah.job AS j ON j.id = ANY (ARRAY[o.id]) AND j.fence = o.fence
        WHERE j.state = 'active'
        ORDER BY o.id
        FOR UPDATE OF j)
    SELECT string_agg(h.id::text, ',') INTO v_ended
    FROM held AS h
    CROSS JOIN LATERAL howdah.finish(ARRAY[h.id], ARRAY[h.fence], ARRAY[h.outcome],
                                     ARRAY[NULL]::text[], ARRAY[h.error]) AS f
    WHERE h.outcome IS NOT NULL AND f.applied = 1;

    -- One wake for each lane, not one for each job.
    FOR v_lane IN
        SELECT j.queue, j.priority,
               array_agg(DISTINCT j.line) FILTER (WHERE j.line IS NOT NULL) AS lines
        FROM unnest(p_ids, p_fences, p_states, p_delays) AS o (id, fence, state, delay)
        JOIN howdah.job AS j ON j.id = ANY (ARRAY[o.id]) AND j.fence = o.fence
        WHERE o.state = 'retry' AND coalesce(o.delay, 0) <= 0
        GROUP BY j.queue, j.priority
    LOOP
        IF v_lane.lines IS NOT NULL THEN
            PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, v_lane.lines);
        END IF;
        PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    END LOOP;

    WITH back AS (
        UPDATE howdah.job AS j
        SET state       = CASE o.state WHEN 'held' THEN 'retry' ELSE o.state END,
            held        = CASE o.state WHEN 'held' THEN 'task' END,
            attempt     = CASE WHEN o.spent THEN j.attempt ELSE j.attempt - 1 END,
            worker_id   = NULL,
            expire_at   = NULL,
            start_after = CASE WHEN o.delay > 0 THEN howdah.now() + o.delay * interval '1 second' END,
            ready_xid   = CASE WHEN o.state = 'retry' AND coalesce(o.delay, 0) <= 0
                               THEN pg_current_xact_id() END,
            errors      = CASE WHEN o.error IS NULL THEN j.errors
                               ELSE howdah.with_error(j.errors, o.error::jsonb) END
        FROM unnest(p_ids, p_fences, p_states, p_delays, p_spent, p_errors)
            AS o (id, fence, state, delay, spent, error)
        WHERE j.id = ANY (ARRAY[o.id])
          AND j.fence = o.fence
          AND j.state = 'active'
        RETURNING j.id, j.queue, j.line, j.limits),
    freed AS (
        DELETE FROM howdah.slot AS s
        USING back AS b
        WHERE b.limits IS NOT NULL AND s.job_id = b.id
        RETURNING s.name)
    SELECT count(*) + coalesce(cardinality(string_to_array(v_ended, ',')), 0),
           concat_ws(',', v_ended, string_agg(b.id::text, ',')),
           (SELECT array_agg(DISTINCT f.name) FROM freed AS f),
           array_agg(DISTINCT b.queue) FILTER (WHERE b.line IS NOT NULL)
    INTO applied, ids, v_quotas, v_queues
    FROM back AS b;
    IF v_queues IS NOT NULL THEN
        PERFORM howdah.wake_queues(v_queues);
    END IF;
    IF v_quotas IS NOT NULL THEN
        PERFORM howdah.wake_quotas(v_quotas);
    END IF;
    RETURN NEXT;
END
$$;
