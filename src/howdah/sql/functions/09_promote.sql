-- promote: created, retry -> the same, claimable; waiting -> retry
--
-- Makes jobs claimable whose time has come, at most p_limit. Answers with how many, and in how
-- many seconds the next one is due. Safe on every worker at once.
-- p_since bounds the scan from below, so that the dead entries of jobs promoted long ago are not
-- walked again under a held snapshot; callers pass null now and then, since a transaction may
-- commit a job whose time is already over.

CREATE OR REPLACE FUNCTION howdah.promote(p_limit int, p_since timestamptz DEFAULT NULL)
RETURNS TABLE (promoted bigint, next_in float8)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_count bigint := 0;
    v_lane  record;
BEGIN
    FOR v_lane IN
        WITH due AS MATERIALIZED (
            SELECT j.id
            FROM howdah.job AS j
            WHERE j.ready_xid IS NULL AND j.start_after IS NOT NULL
              AND j.held IS NULL
              AND j.state <> 'active'
              AND j.start_after >= coalesce(p_since, '-infinity')
              AND j.start_after <= howdah.now()
            ORDER BY j.start_after
            LIMIT p_limit
            FOR UPDATE SKIP LOCKED),
        ready AS (
            UPDATE howdah.job AS j
            SET ready_xid = pg_current_xact_id(),
                state     = CASE j.state WHEN 'waiting' THEN 'retry' ELSE j.state END
            WHERE j.id = ANY (ARRAY(SELECT d.id FROM due AS d))
            RETURNING j.queue, j.priority, j.line)
        SELECT r.queue, r.priority, count(*) AS n,
               array_agg(DISTINCT r.line) FILTER (WHERE r.line IS NOT NULL) AS lines
        FROM ready AS r
        GROUP BY r.queue, r.priority
    LOOP
        v_count := v_count + v_lane.n;
        IF v_lane.lines IS NOT NULL THEN
            PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, v_lane.lines);
        END IF;
        PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    END LOOP;
    RETURN QUERY
    SELECT v_count,
           (SELECT extract(epoch FROM j.start_after - howdah.now())::float8
            FROM howdah.job AS j
            WHERE j.ready_xid IS NULL AND j.start_after IS NOT NULL
              AND j.held IS NULL AND j.state <> 'active'
              AND j.start_after > howdah.now()
            ORDER BY j.start_after
            LIMIT 1);
END
$$;
