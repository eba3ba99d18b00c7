-- expire: created, retry, waiting -> expired
--
-- Ends jobs that have not begun by their deadline, at most p_limit, and answers with how many.
-- What runs is left alone: a deadline is about beginning. Safe on every worker at once.

CREATE OR REPLACE FUNCTION howdah.expire_late(p_limit int) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_ids    uuid[];
    v_fences bigint[];
    v_errors text[];
    v_count  bigint;
BEGIN
    SELECT array_agg(late.id), array_agg(late.fence), array_agg(jsonb_build_object(
               'type', 'DeadlinePassed', 'at', howdah.now(), 'attempt', late.attempt,
               'message', format('it had not begun by its deadline, %s', late.deadline))::text)
    INTO v_ids, v_fences, v_errors
    FROM (SELECT j.id, j.fence, j.attempt, j.deadline
          FROM howdah.job AS j
          WHERE j.deadline IS NOT NULL AND j.state <> 'active'
            AND j.deadline <= howdah.now()
          ORDER BY j.deadline
          LIMIT p_limit
          FOR UPDATE SKIP LOCKED) AS late;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    SELECT f.applied INTO v_count
    FROM howdah.finish(v_ids, v_fences,
                       array_fill('expired'::text, ARRAY[cardinality(v_ids)]),
                       array_fill(NULL::text, ARRAY[cardinality(v_ids)]),
                       v_errors, '{created,retry,waiting}') AS f;
    RETURN v_count;
END
$$;
