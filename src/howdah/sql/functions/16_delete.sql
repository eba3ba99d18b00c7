-- delete: created, retry, waiting, completed, failed, expired, cancelled -> gone
--
-- Forgets jobs, with what their handlers logged. An active one is refused: its worker would go on
-- with what nobody knows of. Cancel it first, and delete it when it has stopped.

-- Deletes what is in one of these states of the jobs given, and answers with the state that each
-- was in. Everything that is told of a deletion is told here.
CREATE OR REPLACE FUNCTION howdah.delete_each(p_ids uuid[], p_states text[])
RETURNS TABLE (id uuid, state text)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_ids    uuid[];
    v_states text[];
    v_over   jsonb;
    v_freed  text[];
BEGIN
    -- In one order, as everybody who takes several: two who delete the same must not wait for
    -- each other. The state counts once the lock is had, since a claim may be under way.
    WITH waiting AS MATERIALIZED (
        SELECT j.id FROM howdah.job AS j
        WHERE j.id = ANY (p_ids) AND j.state = ANY (p_states) AND j.state <> 'active'
        ORDER BY j.id
        FOR UPDATE),
    live AS (
        DELETE FROM howdah.job AS j USING waiting AS w WHERE j.id = w.id
        RETURNING j.id, j.state, j.task, j.flow_id),
    over AS (
        DELETE FROM howdah.archive AS a
        WHERE a.id = ANY (p_ids) AND a.state = ANY (p_states)
        RETURNING a.id, a.state)
    SELECT array_agg(g.id), array_agg(g.state),
           jsonb_agg(howdah.ending(g.id, g.task, 'cancelled', NULL, '{"type": "Deleted"}', NULL))
               FILTER (WHERE g.flow_id IS NOT NULL)
    INTO v_ids, v_states, v_over
    FROM (SELECT l.id, l.state, l.task, l.flow_id FROM live AS l
          UNION ALL
          SELECT o.id, o.state, NULL, NULL FROM over AS o) AS g;
    DELETE FROM howdah.log AS l WHERE l.job_id = ANY (v_ids);
    DELETE FROM howdah.dependency AS d WHERE d.child = ANY (v_ids);
    -- Who waits for a job that is gone waits for one that was cancelled.
    IF v_over IS NOT NULL THEN
        PERFORM howdah.follow(v_over);
    END IF;
    WITH freed AS (
        DELETE FROM howdah.blocked_key AS b WHERE b.job_id = ANY (v_ids) RETURNING b.queue)
    SELECT array_agg(DISTINCT f.queue) INTO v_freed FROM freed AS f;
    IF v_freed IS NOT NULL THEN
        PERFORM howdah.wake_queues(v_freed);
    END IF;
    RETURN QUERY SELECT g.id, g.state FROM unnest(v_ids, v_states) AS g (id, state);
END
$$;

-- Deletes one job, and answers with the state that it was in.
-- Raises HW002 when it is active, HW003 when there is none.
CREATE OR REPLACE FUNCTION howdah.delete(p_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_states text[] := '{created,retry,waiting,completed,failed,expired,cancelled}';
    v_state  text;
BEGIN
    -- Twice, since it may have moved between the two tables after the look.
    FOR i IN 1..2 LOOP
        SELECT d.state INTO v_state FROM howdah.delete_each(ARRAY[p_id], v_states) AS d;
        EXIT WHEN FOUND;
    END LOOP;
    IF v_state IS NULL THEN
        PERFORM howdah.refuse('delete', p_id, array_to_string(v_states, ', '));
    END IF;
    RETURN v_state;
END
$$;
