-- Flows: jobs that wait for others, their parents.
--
-- A child is held ('flow') and counts its parents that are not settled (`blockers`). A dependency
-- is settled when its parent has completed, or has ended in whatever way and says 'run'. Whoever
-- ends a parent settles its dependencies and takes them off the children's counts, in the same
-- transaction; who takes off the last one frees the child. There is no pass that looks for
-- children to free, since there is no moment between the one and the other.
--
-- Locks are taken in this order: jobs that end, then their children by id, then dependencies. The
-- child's lock makes the count exact, however many parents end at once.

-- send_flow: -> created
--
-- Stores jobs, some of which wait for others, in the caller's transaction. Answers with how many.
-- Each is an object: id, queue, task, args, options, and after: its parents, each as id,
-- on_failure, and fills: the parameters of the child that it fills, where the arguments say
-- 'result of ID' or 'finished ID'. A parent is before its child in the list, or was sent earlier.
-- Raises HW003 when a parent does not exist, HW004 when a job's key is held, HW008 for a queue that
-- nobody knows: all or none.
CREATE OR REPLACE FUNCTION howdah.send_flow(p_flow uuid, p_jobs jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_count   bigint := 0;
    v_job     jsonb;
    v_options jsonb;
    v_parents int;
    v_new     boolean;
BEGIN
    PERFORM howdah.check_flow(p_jobs);
    FOR v_job IN SELECT e.job FROM jsonb_array_elements(p_jobs) AS e (job) LOOP
        v_options := coalesce(v_job -> 'options', '{}');
        -- As a single send from SQL: to queues that are known, and as their code says.
        IF NOT v_options ?| '{new_id,defaults}' THEN
            v_options := v_options || howdah.code_of(v_job ->> 'queue');
        END IF;
        SELECT count(DISTINCT (a.parent ->> 'id')::uuid) INTO v_parents
        FROM jsonb_array_elements(coalesce(v_job -> 'after', '[]')) AS a (parent);
        SELECT r.created INTO v_new
        FROM howdah.send_receipt(
            v_job ->> 'queue', v_job ->> 'task', coalesce(v_job -> 'args', '{}'),
            v_options
            || jsonb_build_object('id', v_job ->> 'id', 'new_id', true, 'flow_id', p_flow)
            || CASE WHEN v_parents > 0 THEN jsonb_build_object('blockers', v_parents) ELSE '{}' END
        ) AS r;
        IF NOT v_new THEN
            RAISE EXCEPTION 'cannot send job % of a flow: its options let another job of task % stand for it',
                v_job ->> 'id', v_job ->> 'task'
                USING ERRCODE = 'HW004', DETAIL = jsonb_build_object('job_id', v_job ->> 'id')::text,
                      HINT = 'Nothing of the flow was stored. Wait for that job, or make it a parent.';
        END IF;
        v_count := v_count + 1;
    END LOOP;
    INSERT INTO howdah.dependency (parent, child, on_failure, fills)
    SELECT (a.parent ->> 'id')::uuid, (e.job ->> 'id')::uuid,
           coalesce(a.parent ->> 'on_failure', 'block'), a.parent -> 'fills'
    FROM jsonb_array_elements(p_jobs) AS e (job)
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(e.job -> 'after', '[]')) AS a (parent)
    ON CONFLICT DO NOTHING;
    PERFORM howdah.join_parents(p_flow, p_jobs);
    RETURN v_count;
END
$$;

-- What the code says of a queue, for a sender that does not know it. Raises HW008 when nobody does.
CREATE OR REPLACE FUNCTION howdah.code_of(p_queue text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_code jsonb;
BEGIN
    SELECT q.code - '{retry,expire_in}'::text[] INTO v_code
    FROM howdah.queue AS q
    WHERE q.name = p_queue AND q.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM howdah.refuse_unknown_queue(p_queue);
    END IF;
    RETURN jsonb_build_object('defaults', coalesce(v_code, '{}'));
END
$$;

-- Refuses a flow in which a job would wait for itself or for one that comes later: so there is no
-- circle, in which all would wait for ever.
CREATE OR REPLACE FUNCTION howdah.check_flow(p_jobs jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_child  uuid;
    v_other  text;
    v_places jsonb;
BEGIN
    IF jsonb_typeof(p_jobs) IS DISTINCT FROM 'array'
       OR EXISTS (SELECT FROM jsonb_array_elements(p_jobs) AS e (job)
                  WHERE jsonb_typeof(e.job) <> 'object' OR e.job ->> 'id' IS NULL
                     OR jsonb_typeof(coalesce(e.job -> 'after', '[]')) <> 'array') THEN
        RAISE EXCEPTION 'cannot send a flow: it must be an array of objects, each with an id, and after as an array'
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    -- Looked up in an object: a join would be a loop in a loop, since nobody knows how many there
    -- are when it is planned.
    SELECT jsonb_object_agg((e.job ->> 'id')::uuid, e.place) INTO v_places
    FROM jsonb_array_elements(p_jobs) WITH ORDINALITY AS e (job, place);
    SELECT (e.job ->> 'id')::uuid, a.parent ->> 'id' INTO v_child, v_other
    FROM jsonb_array_elements(p_jobs) WITH ORDINALITY AS e (job, place)
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(e.job -> 'after', '[]')) AS a (parent)
    WHERE (v_places ->> (a.parent ->> 'id')::uuid::text)::bigint >= e.place
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot send a flow: job % waits for %, which must come before it', v_child, v_other
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    SELECT k.name INTO v_other
    FROM jsonb_array_elements(p_jobs) AS e (job)
    CROSS JOIN unnest('{throttle,debounce,replace}'::text[]) AS k (name)
    WHERE e.job -> 'options' ? k.name
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot send a flow with option %: another job could stand for one of its own', v_other
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    SELECT a.parent ->> 'on_failure' INTO v_other
    FROM jsonb_array_elements(p_jobs) AS e (job)
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(e.job -> 'after', '[]')) AS a (parent)
    WHERE a.parent ->> 'on_failure' NOT IN ('block', 'cancel', 'run')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no on_failure %: it is block, cancel or run', quote_literal(v_other)
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
END
$$;

-- Makes jobs that were sent earlier parents of new ones.
--
-- A live one is written to, which its worker's finish waits for: it then sees the dependency. (In
-- a REPEATABLE READ transaction, whose snapshot may be older than the dependency, that finish
-- fails for the write, where a mere lock would let it pass without a look.) One that is not live
-- is over, or was a moment ago, when somebody may bring it back: so each is looked for in turn.
CREATE OR REPLACE FUNCTION howdah.join_parents(p_flow uuid, p_jobs jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_missing uuid[];
    v_found   uuid[];
    v_over    jsonb;
BEGIN
    SELECT array_agg(DISTINCT (a.parent ->> 'id')::uuid) INTO v_missing
    FROM jsonb_array_elements(p_jobs) AS e (job)
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(e.job -> 'after', '[]')) AS a (parent)
    WHERE (a.parent ->> 'id')::uuid NOT IN (
        SELECT (n.job ->> 'id')::uuid FROM jsonb_array_elements(p_jobs) AS n (job));
    FOR i IN 1..3 LOOP
        EXIT WHEN v_missing IS NULL;
        PERFORM FROM howdah.job AS j WHERE j.id = ANY (v_missing) ORDER BY j.id FOR NO KEY UPDATE;
        WITH live AS (
            UPDATE howdah.job AS j
            SET flow_id = coalesce(j.flow_id, p_flow)
            WHERE j.id = ANY (v_missing)
            RETURNING j.id)
        SELECT array_agg(l.id) INTO v_found FROM live AS l;
        v_missing := howdah.without(v_missing, v_found);
        WITH over AS (
            UPDATE howdah.archive AS a
            SET flow_id = coalesce(a.flow_id, p_flow)
            WHERE a.id = ANY (v_missing)
            RETURNING a.id, 
                      howdah.ending(a.id, a.task, a.state, a.result, a.errors -> -1, a.keep_until)
                          AS ending)
        SELECT array_agg(o.id), jsonb_agg(o.ending) INTO v_found, v_over FROM over AS o;
        v_missing := howdah.without(v_missing, v_found);
        IF v_over IS NOT NULL THEN
            PERFORM howdah.follow(v_over);
        END IF;
    END LOOP;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'cannot wait for job %: there is no such job, not even in the archive', v_missing[1]
            USING ERRCODE = 'HW003', DETAIL = jsonb_build_object('job_id', v_missing[1])::text;
    END IF;
END
$$;

-- What is left of an array without others; null when that is nothing.
CREATE OR REPLACE FUNCTION howdah.without(p_ids uuid[], p_others uuid[]) RETURNS uuid[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array_agg(i.id) FROM unnest(p_ids) AS i (id) WHERE NOT i.id = ANY (coalesce(p_others, '{}'))
$$;

-- What children may want to know of a parent that is over.
CREATE OR REPLACE FUNCTION howdah.ending(
    p_id uuid, p_task text, p_state text, p_result jsonb, p_error jsonb, p_keep_until date
) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_build_object(
        'id', p_id, 'task', p_task, 'state', p_state, 'result', p_result, 'keep_until', p_keep_until,
        'error', CASE WHEN p_state <> 'completed' THEN p_error - 'traceback' END)
$$;

-- follow: created -> created, free; created -> cancelled
--
-- Jobs of flows are over, in this transaction: their children follow. p_over holds what `ending`
-- makes of each. Those whose last parent it was become claimable; those that a failed parent
-- cancels are cancelled, and whatever that cancels in turn, at once and not one after the other:
-- a chain may be long.
CREATE OR REPLACE FUNCTION howdah.follow(p_over jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_settled uuid[];
    v_failed  uuid[];
BEGIN
    UPDATE howdah.dependency AS d
    SET keep_until = o.keep_until
    FROM jsonb_to_recordset(p_over) AS o (id uuid, keep_until date)
    WHERE d.child = ANY (ARRAY[o.id]);

    PERFORM FROM howdah.job AS j
    WHERE j.held = 'flow'
      AND j.id = ANY (ARRAY(
        SELECT d.child
        FROM jsonb_to_recordset(p_over) AS o (id uuid)
        JOIN howdah.dependency AS d ON d.parent = ANY (ARRAY[o.id])))
    ORDER BY j.id
    FOR UPDATE;

    WITH ended AS (
        UPDATE howdah.dependency AS d
        SET state   = o.ending ->> 'state',
            outcome = CASE WHEN d.fills IS NOT NULL
                            AND (o.ending ->> 'state' = 'completed' OR d.on_failure = 'run')
                           THEN o.ending - 'keep_until' END
        FROM jsonb_array_elements(p_over) AS o (ending)
        WHERE d.parent = ANY (ARRAY[(o.ending ->> 'id')::uuid])
          AND NOT d.settled
        RETURNING d.parent, d.child, d.on_failure, d.settled)
    SELECT array_agg(e.child) FILTER (WHERE e.settled),
           array_agg(DISTINCT e.parent) FILTER (WHERE NOT e.settled AND e.on_failure = 'cancel')
    INTO v_settled, v_failed
    FROM ended AS e;

    IF v_settled IS NOT NULL THEN
        PERFORM howdah.free(v_settled);
    END IF;
    IF v_failed IS NOT NULL THEN
        PERFORM howdah.cancel_children(v_failed);
    END IF;
END
$$;

-- free: created -> created, claimable
--
-- Takes settled parents off the counts of their children, which are named once for each. Read anew
-- after the dependencies were written: a child that somebody brought back meanwhile is seen now.
CREATE OR REPLACE FUNCTION howdah.free(p_children uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_lane record;
    v_free uuid[];
BEGIN
    FOR v_lane IN
        WITH fewer AS (
            UPDATE howdah.job AS j
            SET blockers  = nullif(j.blockers - f.settled, 0),
                held      = CASE WHEN j.blockers > f.settled THEN 'flow' END,
                ready_xid = CASE WHEN j.blockers = f.settled
                                  AND coalesce(j.start_after <= howdah.now(), true)
                                 THEN pg_current_xact_id() END,
                args      = CASE WHEN j.blockers > f.settled THEN j.args
                                 ELSE howdah.filled(j.id, j.args) END
            FROM (SELECT c.child, count(*)::int AS settled
                  FROM unnest(p_children) AS c (child)
                  GROUP BY c.child
                  ORDER BY c.child) AS f
            WHERE j.id = ANY (ARRAY[f.child])
              AND j.held = 'flow'
            RETURNING j.id, j.queue, j.priority, j.line, j.held, j.ready_xid IS NOT NULL AS is_ready)
        SELECT w.queue, w.priority, bool_or(w.is_ready) AS is_ready,
               array_agg(DISTINCT w.line) FILTER (WHERE w.line IS NOT NULL AND w.is_ready) AS lines,
               array_agg(w.id) FILTER (WHERE w.held IS NULL) AS ids
        FROM fewer AS w
        GROUP BY w.queue, w.priority
    LOOP
        v_free := v_free || v_lane.ids;
        IF v_lane.lines IS NOT NULL THEN
            PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, v_lane.lines);
        END IF;
        IF v_lane.is_ready THEN
            PERFORM howdah.wake(v_lane.queue, v_lane.priority);
        END IF;
    END LOOP;
    -- It is among the arguments now.
    UPDATE howdah.dependency AS d
    SET fills = NULL, outcome = NULL
    WHERE d.child = ANY (v_free) AND d.fills IS NOT NULL;
END
$$;

-- A child's arguments with what its parents fill, which are markers until then.
CREATE OR REPLACE FUNCTION howdah.filled(p_child uuid, p_args jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_parameters text[];
    v_outcomes   jsonb;
BEGIN
    SELECT array_agg(DISTINCT f.parameter) INTO v_parameters
    FROM howdah.dependency AS d
    CROSS JOIN LATERAL jsonb_array_elements_text(d.fills) AS f (parameter)
    WHERE d.child = p_child;
    IF v_parameters IS NULL THEN
        RETURN p_args;
    END IF;
    SELECT jsonb_object_agg(d.parent, d.outcome) INTO v_outcomes
    FROM howdah.dependency AS d
    WHERE d.child = p_child AND d.outcome IS NOT NULL;
    RETURN p_args || (
        SELECT coalesce(
            jsonb_object_agg(f.parameter, howdah.assembled(p_args -> f.parameter, v_outcomes)), '{}')
        FROM unnest(v_parameters) AS f (parameter)
        WHERE p_args ? f.parameter);
END
$$;

-- One argument, made of markers or of lists of them: 'result of ID', 'finished ID'.
CREATE OR REPLACE FUNCTION howdah.assembled(p_marker jsonb, p_outcomes jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_said text := p_marker #>> '{}';
BEGIN
    RETURN CASE
        WHEN jsonb_typeof(p_marker) = 'array' THEN (
            SELECT coalesce(jsonb_agg(howdah.assembled(e.marker, p_outcomes) ORDER BY e.place), '[]')
            FROM jsonb_array_elements(p_marker) WITH ORDINALITY AS e (marker, place))
        WHEN v_said LIKE 'result of %' AND p_outcomes ? substr(v_said, 11)
            THEN p_outcomes -> substr(v_said, 11) -> 'result'
        WHEN v_said LIKE 'finished %' AND p_outcomes ? substr(v_said, 10)
            THEN p_outcomes -> substr(v_said, 10)
        -- Somebody has written another argument there meanwhile.
        ELSE p_marker END;
END
$$;

-- Cancels the held children of failed parents that say so, and theirs. A cancelled parent counts
-- as a failed one, so all that can be reached over 'cancel' goes in one statement.
CREATE OR REPLACE FUNCTION howdah.cancel_children(p_failed uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_ids    uuid[];
    v_fences bigint[];
BEGIN
    WITH RECURSIVE doomed (id) AS (
        SELECT u.id FROM unnest(p_failed) AS u (id)
        UNION
        SELECT j.id
        FROM doomed AS p
        JOIN howdah.dependency AS d ON d.parent = ANY (ARRAY[p.id])
        JOIN howdah.job AS j ON j.id = ANY (ARRAY[d.child])
        WHERE d.on_failure = 'cancel' AND NOT d.settled AND j.held = 'flow'),
    locked AS (
        SELECT j.id, j.fence
        FROM howdah.job AS j
        WHERE j.id = ANY (ARRAY(SELECT d.id FROM doomed AS d)) AND j.held = 'flow'
        ORDER BY j.id
        FOR UPDATE)
    SELECT array_agg(l.id), array_agg(l.fence) INTO v_ids, v_fences FROM locked AS l;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;
    UPDATE howdah.job AS j
    SET cancel_reason = (
        SELECT format('its parent %s (%s) %s', v.task, v.id,
                      CASE d.state WHEN 'failed' THEN 'has failed' WHEN 'expired' THEN 'has expired'
                                   ELSE 'was cancelled' END)
        FROM howdah.dependency AS d
        JOIN howdah.jobs AS v ON v.id = d.parent
        WHERE d.child = j.id AND d.on_failure = 'cancel' AND NOT d.settled
          AND (d.state IS NOT NULL OR d.parent = ANY (v_ids))
        ORDER BY d.parent
        LIMIT 1)
    WHERE j.id = ANY (v_ids);
    PERFORM howdah.finish(
        v_ids, v_fences, array_fill('cancelled'::text, ARRAY[cardinality(v_ids)]),
        array_fill(NULL::text, ARRAY[cardinality(v_ids)]),
        array_fill(NULL::text, ARRAY[cardinality(v_ids)]), '{created,retry,waiting}');
END
$$;

-- Keeps those parents from being deleted for which a job would wait that is about to be brought
-- back: whoever deletes one waits, and then sees the child. Parents before children, as everywhere.
-- What runs cannot be deleted, and its end need not wait for that: rejoin sees to it.
CREATE OR REPLACE FUNCTION howdah.hold_parents(p_child uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_parents uuid[] := ARRAY(
        SELECT d.parent FROM howdah.dependency AS d WHERE d.child = p_child AND NOT d.settled);
BEGIN
    IF v_parents <> '{}' THEN
        PERFORM FROM howdah.job AS j
        WHERE j.id = ANY (v_parents) AND j.state <> 'active'
        ORDER BY j.id
        FOR SHARE;
        PERFORM FROM howdah.archive AS a WHERE a.id = ANY (v_parents) ORDER BY a.id FOR SHARE;
    END IF;
END
$$;

-- A job of a flow was brought back by hand: it waits for its parents that are not settled, and
-- children that wait still wait for it once more. Children that went on without it stay as they
-- are. Raises HW003 when a parent is gone for which it would wait: that can never complete.
CREATE OR REPLACE FUNCTION howdah.rejoin(p_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_blockers int;
    v_gone     uuid;
BEGIN
    -- Locked, or a parent that ends now would be counted here and find nobody to free.
    PERFORM FROM howdah.dependency AS d WHERE d.child = p_id ORDER BY d.parent FOR UPDATE;
    UPDATE howdah.dependency AS d SET keep_until = NULL WHERE d.child = p_id;
    SELECT count(*) INTO v_blockers
    FROM howdah.dependency AS d WHERE d.child = p_id AND NOT d.settled;
    IF v_blockers > 0 THEN
        SELECT d.parent INTO v_gone
        FROM howdah.dependency AS d
        WHERE d.child = p_id AND NOT d.settled
          AND NOT EXISTS (SELECT FROM howdah.job AS j WHERE j.id = d.parent)
          AND NOT EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = d.parent)
        ORDER BY d.parent
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'cannot retry job %: it waits for its parent %, which has not completed and is gone',
                p_id, v_gone
                USING ERRCODE = 'HW003', DETAIL = jsonb_build_object('job_id', v_gone)::text,
                      HINT = 'Send another job in its place.';
        END IF;
        UPDATE howdah.job AS j
        SET held = 'flow', blockers = v_blockers, ready_xid = NULL
        WHERE j.id = p_id;
    ELSE
        UPDATE howdah.job AS j SET args = howdah.filled(j.id, j.args) WHERE j.id = p_id;
        UPDATE howdah.dependency AS d
        SET fills = NULL, outcome = NULL
        WHERE d.child = p_id AND d.fills IS NOT NULL;
    END IF;

    PERFORM FROM howdah.job AS j
    WHERE j.id IN (SELECT d.child FROM howdah.dependency AS d WHERE d.parent = p_id)
      AND j.held = 'flow'
    ORDER BY j.id
    FOR UPDATE;
    UPDATE howdah.job AS j
    SET blockers = j.blockers + 1
    FROM howdah.dependency AS d
    WHERE d.parent = p_id AND d.settled AND j.id = d.child AND j.held = 'flow';
    UPDATE howdah.dependency AS d
    SET state = NULL, outcome = NULL
    FROM howdah.job AS j
    WHERE d.parent = p_id AND j.id = d.child AND j.held = 'flow';
END
$$;
