-- delete: created, retry, waiting, completed, failed, expired, cancelled -> gone
--
-- Forgets jobs, with what their handlers logged. An active one is refused: its worker would go on
-- with what nobody knows of. Cancel it first, and delete it when it has stopped.
--
-- Children in a flow follow as if the job had been cancelled, each as it says. Where one says 'block'
-- the job is refused: nobody could run it again any more, and the child would wait for ever.

-- Refuses to delete jobs for one of which another waits that would wait for ever. Raises HW011.
CREATE OR REPLACE FUNCTION howdah.refuse_awaited(p_ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_parent uuid;
    v_ids    uuid[];
    v_names  text[];
BEGIN
    SELECT d.parent, array_agg(j.id ORDER BY j.id),
           array_agg(format('%s (%s)', j.id, j.task) ORDER BY j.id)
    INTO v_parent, v_ids, v_names
    FROM howdah.dependency AS d
    JOIN howdah.job AS j ON j.id = d.child
    WHERE d.parent = ANY (p_ids)
      AND d.on_failure = 'block' AND NOT d.settled AND j.held = 'flow'
      AND NOT d.child = ANY (p_ids)
    GROUP BY d.parent
    ORDER BY d.parent
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RAISE EXCEPTION '%', CASE cardinality(v_ids)
        WHEN 1 THEN format(
            'cannot delete job %s: job %s waits for it to complete, and would wait for ever; cancel or'
            ' delete that first', v_parent, v_names[1])
        ELSE format(
            'cannot delete job %s: %s jobs wait for it to complete, such as %s, and would wait for'
            ' ever; cancel or delete those first', v_parent, cardinality(v_ids), v_names[1]) END
        USING ERRCODE = 'HW011',
              DETAIL = jsonb_build_object('job_id', v_parent, 'children', to_jsonb(v_ids[1:100]))::text,
              HINT = 'Or delete all of them in one call.';
END
$$;

-- Deletes what is in one of these states of the jobs given, and answers with the state that each
-- was in. Everything that is told of a deletion is told here.
-- Raises HW011 when a job that stays waits for one of them.
CREATE OR REPLACE FUNCTION howdah.delete_each(p_ids uuid[], p_states text[])
RETURNS TABLE (id uuid, state text)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_live    uuid[];
    v_over    uuid[];
    v_is_kin  boolean;
    v_ids     uuid[];
    v_states  text[];
    v_endings jsonb;
    v_freed   text[];
BEGIN
    -- In one order, as everybody who takes several: two who delete the same must not wait for
    -- each other. The state counts once the lock is had, since a claim may be under way; and only
    -- then it is seen who waits, since a child may be on its way.
    SELECT array_agg(w.id), coalesce(bool_or(w.flow_id IS NOT NULL), false)
    INTO v_live, v_is_kin
    FROM (
        SELECT j.id, j.flow_id FROM howdah.job AS j
        WHERE j.id = ANY (p_ids) AND j.state = ANY (p_states) AND j.state <> 'active'
        ORDER BY j.id
        FOR UPDATE) AS w;
    SELECT array_agg(w.id), v_is_kin OR coalesce(bool_or(w.flow_id IS NOT NULL), false)
    INTO v_over, v_is_kin
    FROM (
        SELECT a.id, a.flow_id FROM howdah.archive AS a
        WHERE a.id = ANY (p_ids) AND a.state = ANY (p_states)
        ORDER BY a.id
        FOR NO KEY UPDATE) AS w;
    IF v_is_kin THEN
        PERFORM howdah.refuse_awaited(v_live || v_over);
    END IF;
    WITH live AS (
        DELETE FROM howdah.job AS j WHERE j.id = ANY (v_live)
        RETURNING j.id, j.state, j.task, j.flow_id),
    over AS (
        DELETE FROM howdah.archive AS a WHERE a.id = ANY (v_over)
        RETURNING a.id, a.state, a.task, a.flow_id)
    SELECT array_agg(g.id), array_agg(g.state),
           jsonb_agg(howdah.ending(g.id, g.task, 'cancelled', NULL, '{"type": "Deleted"}', NULL))
               FILTER (WHERE g.flow_id IS NOT NULL)
    INTO v_ids, v_states, v_endings
    FROM (SELECT l.* FROM live AS l UNION ALL SELECT o.* FROM over AS o) AS g;
    DELETE FROM howdah.log AS l WHERE l.job_id = ANY (v_ids);
    DELETE FROM howdah.dependency AS d WHERE d.child = ANY (v_ids);
    IF v_endings IS NOT NULL THEN
        PERFORM howdah.follow(v_endings);
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
-- Raises HW002 when it is active, HW003 when there is none, HW011 when another waits for it.
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
