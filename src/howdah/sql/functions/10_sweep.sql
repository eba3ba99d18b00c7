-- release: active -> retry, or failed after too many crashes
--
-- Gives back everything a worker held and forgets the worker. p_running names the jobs whose
-- handlers were running when it died, where that is known: only they count a crash, the others
-- were merely held. Null means not known: all count one.
-- A crash does not spend an attempt, but p_crash_limit crashes fail the job: one that takes its
-- worker down each time must not do so for ever. From the second crash on it comes back after a
-- random pause, so that the jobs that died with it part company.
-- No index serves the look-up of a worker's jobs, on purpose (see finish); workers die rarely.

CREATE OR REPLACE FUNCTION howdah.release(
    p_worker bigint, p_running uuid[], p_crash_limit int
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_ids    uuid[];
    v_fences bigint[];
    v_states text[];
    v_errors text[];
    v_quotas text[];
    v_count  bigint;
    v_lane   record;
BEGIN
    DELETE FROM howdah.worker AS w WHERE w.id = p_worker;
    -- A cancel that is under way commits before the look at who is to stop, or waits for the end.
    PERFORM FROM howdah.job AS j
    WHERE j.worker_id = p_worker AND j.state = 'active'
    ORDER BY j.id
    FOR UPDATE;
    UPDATE howdah.job AS j
    SET crash_count = j.crash_count + 1
    WHERE j.worker_id = p_worker AND j.state = 'active'
      AND (p_running IS NULL OR j.id = ANY (p_running));
    SELECT array_agg(j.id), array_agg(j.fence), array_agg(j.outcome),
           array_agg(jsonb_build_object(
               'type', 'WorkerLost', 'at', howdah.now(), 'attempt', j.attempt, 'worker_id', p_worker,
               'message', format('its worker died while it ran; crash %s, and %s end a job',
                                 j.crash_count, p_crash_limit))::text)
    INTO v_ids, v_fences, v_states, v_errors
    FROM (SELECT k.id, k.fence, k.attempt, k.crash_count,
                 CASE WHEN k.cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END AS outcome
          FROM howdah.job AS k
          WHERE k.worker_id = p_worker AND k.state = 'active'
            AND (k.cancel_requested_at IS NOT NULL
              OR k.crash_count >= p_crash_limit AND (p_running IS NULL OR k.id = ANY (p_running)))
          ORDER BY k.id) AS j;
    SELECT f.applied INTO v_count
    FROM howdah.finish(coalesce(v_ids, '{}'), v_fences, v_states,
                       array_fill(NULL::text, ARRAY[coalesce(cardinality(v_ids), 0)]), v_errors) AS f;
    WITH freed AS (
        DELETE FROM howdah.slot AS s
        USING howdah.job AS j
        WHERE j.worker_id = p_worker AND j.state = 'active' AND j.limits IS NOT NULL
          AND s.job_id = j.id
        RETURNING s.name)
    SELECT array_agg(DISTINCT f.name) INTO v_quotas FROM freed AS f;
    IF v_quotas IS NOT NULL THEN
        PERFORM howdah.wake_quotas(v_quotas);
    END IF;
    FOR v_lane IN
        WITH held AS MATERIALIZED (
            SELECT j.id,
                   j.crash_count > 1 AND (p_running IS NULL OR j.id = ANY (p_running)) AS suspect
            FROM howdah.job AS j
            WHERE j.worker_id = p_worker AND j.state = 'active'
            ORDER BY j.id
            FOR UPDATE),
        back AS (
            UPDATE howdah.job AS j
            SET state       = 'retry',
                worker_id   = NULL,
                expire_at   = NULL,
                attempt     = j.attempt - 1,
                start_after = CASE WHEN h.suspect
                                   THEN howdah.now() + random() * 5 * interval '1 second' END,
                ready_xid   = CASE WHEN NOT h.suspect THEN pg_current_xact_id() END
            FROM held AS h
            WHERE j.id = h.id AND j.worker_id = p_worker AND j.state = 'active'
            RETURNING j.queue, j.priority, j.line, j.ready_xid)
        SELECT b.queue, b.priority, count(*) AS n,
               array_agg(DISTINCT b.line)
                   FILTER (WHERE b.line IS NOT NULL AND b.ready_xid IS NOT NULL) AS lines
        FROM back AS b
        GROUP BY b.queue, b.priority
    LOOP
        v_count := v_count + v_lane.n;
        IF v_lane.lines IS NOT NULL THEN
            PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, v_lane.lines);
        END IF;
        PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    END LOOP;
    RETURN v_count;
END
$$;

-- sweep: active -> retry, or failed after too many crashes
--
-- Releases the workers whose lease has run out. The look and the write are one: the worker's row
-- is locked and its beat read again under the lock, so a beat that arrives first wins.
-- Nobody can beat while the server is away, so its start counts as a beat of all: an outage longer
-- than a lease must not make every worker a dead one.
-- Safe on every worker at once.
CREATE OR REPLACE FUNCTION howdah.sweep(p_crash_limit int)
RETURNS TABLE (workers bigint, jobs bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_worker  bigint;
    v_workers bigint := 0;
    v_jobs    bigint := 0;
BEGIN
    FOR v_worker IN
        SELECT w.id FROM howdah.worker AS w
        WHERE greatest(w.beat_at, pg_postmaster_start_time()) + w.lease < howdah.now()
        ORDER BY w.id
        FOR UPDATE SKIP LOCKED
    LOOP
        v_workers := v_workers + 1;
        v_jobs := v_jobs + howdah.release(v_worker, NULL, p_crash_limit);
    END LOOP;
    RETURN QUERY SELECT v_workers, v_jobs;
END
$$;

-- The belt to the sweep: jobs whose worker is not known at all, as after a claim that crossed the
-- release of its worker. A scan of the whole table, so run it seldom.
CREATE OR REPLACE FUNCTION howdah.sweep_orphans(p_crash_limit int) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_worker bigint;
    v_jobs   bigint := 0;
BEGIN
    FOR v_worker IN
        SELECT DISTINCT j.worker_id FROM howdah.job AS j
        WHERE j.state = 'active'
          AND NOT EXISTS (SELECT FROM howdah.worker AS w WHERE w.id = j.worker_id)
    LOOP
        v_jobs := v_jobs + howdah.release(v_worker, NULL, p_crash_limit);
    END LOOP;
    RETURN v_jobs;
END
$$;
