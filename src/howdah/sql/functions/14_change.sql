-- update: created, retry -> the same, with other arguments or options
--
-- Raises HW002 for a job in another state, HW003 when there is none, HW005 and HW006 as a send
-- does. What is not named in p_changes stays as it is. Beside `args` there may be `task`, the task
-- that they were checked for (a job of another is refused), and `limits` and `group`, what a job
-- with them draws from.
CREATE OR REPLACE FUNCTION howdah.update_job(p_id uuid, p_changes jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_state text;
BEGIN
    PERFORM howdah.check_changes(p_changes);
    IF EXISTS (SELECT FROM howdah.job AS j WHERE j.id = p_id AND j.task <> p_changes ->> 'task') THEN
        RAISE EXCEPTION 'cannot update job %: the arguments are for task %, and it is of another',
            p_id, quote_literal(p_changes ->> 'task')
            USING ERRCODE = 'HW006', DETAIL = '{"path": "args"}';
    END IF;
    v_state := howdah.change(p_id, p_changes);
    IF v_state IS NULL THEN
        PERFORM howdah.refuse('update', p_id, 'created or retry');
    END IF;
    RETURN v_state;
END
$$;

-- update: all waiting jobs of a task that have this key
CREATE OR REPLACE FUNCTION howdah.update_jobs(p_task text, p_key text, p_changes jsonb)
RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_id uuid;
BEGIN
    PERFORM howdah.check_changes(p_changes);
    -- By id, so that two who change the same jobs cannot wait for each other.
    FOR v_id IN
        SELECT j.id FROM howdah.job AS j
        WHERE j.task = p_task AND j.key = p_key AND j.state IN ('created', 'retry')
        ORDER BY j.id
        FOR UPDATE
    LOOP
        CONTINUE WHEN howdah.change(v_id, p_changes) IS NULL;
        RETURN NEXT v_id;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION howdah.check_changes(p_changes jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_known   text[] := ARRAY['args', 'priority', 'start_after', 'delay', 'retry', 'expire_in',
                              'tags', 'retention', 'deadline'];
    v_unknown text;
BEGIN
    PERFORM howdah.check_options(p_changes - '{args,task}'::text[]);
    SELECT k INTO v_unknown
    FROM jsonb_object_keys(p_changes - v_known - '{task,limits,group}'::text[]) AS k
    ORDER BY k
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot change option %: what can be changed is %',
            quote_literal(v_unknown), array_to_string(v_known, ', ')
            USING ERRCODE = 'HW005', DETAIL = jsonb_build_object('option', v_unknown)::text;
    END IF;
    IF p_changes ? 'args' AND jsonb_typeof(p_changes -> 'args') <> 'object' THEN
        RAISE EXCEPTION 'cannot change the arguments to %: they must be a JSON object by parameter name',
            left(p_changes ->> 'args', 80) USING ERRCODE = 'HW006', DETAIL = '{"path": "args"}';
    END IF;
    IF NOT isfinite((p_changes ->> 'start_after')::timestamptz) THEN
        RAISE EXCEPTION 'option start_after is %: it must be a moment', p_changes ->> 'start_after'
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
END
$$;

-- Changes a job that waits, and answers with its state; null when it does not wait (any more).
-- p_anew gives it all its attempts again.
--
-- A claimable job that gets another priority, or becomes claimable here, is made so by this
-- transaction: a hint of its lane may already be past the one that it had (see claim).
CREATE OR REPLACE FUNCTION howdah.change(
    p_id uuid, p_changes jsonb, p_anew boolean DEFAULT false
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_moves boolean     := p_changes ?| '{start_after,delay}';
    v_start timestamptz := coalesce(
        (p_changes ->> 'start_after')::timestamptz,
        howdah.now() + (p_changes ->> 'delay')::float8 * interval '1 second');
    v_due   boolean     := coalesce(v_start <= howdah.now(), true);
    v_limits text[]     := CASE WHEN p_changes ? 'limits'
                                THEN ARRAY(SELECT jsonb_array_elements_text(p_changes -> 'limits')) END;
    v_job   record;
BEGIN
    UPDATE howdah.job AS j
    SET args        = coalesce(p_changes -> 'args', j.args),
        priority    = coalesce((p_changes ->> 'priority')::smallint, j.priority),
        start_after = CASE WHEN v_moves THEN v_start ELSE j.start_after END,
        ready_xid   = CASE
            WHEN j.held IS NOT NULL OR v_moves AND NOT v_due THEN NULL
            WHEN j.ready_xid IS NULL AND v_moves
              -- In another lane or line, whoever looks there may have passed its number by.
              OR j.ready_xid IS NOT NULL AND (
                  (p_changes ->> 'priority')::smallint <> j.priority
                  OR p_changes ?| '{limits,group}')
            THEN pg_current_xact_id()
            ELSE j.ready_xid END,
        retry       = coalesce(p_changes -> 'retry', j.retry),
        expire_in   = coalesce((p_changes ->> 'expire_in')::float8 * interval '1 second', j.expire_in),
        retention   = coalesce((p_changes ->> 'retention')::float8 * interval '1 second', j.retention),
        deadline    = coalesce(howdah.deadline_of(p_changes), j.deadline),
        tags        = CASE WHEN p_changes ? 'tags'
                           THEN ARRAY(SELECT jsonb_array_elements_text(p_changes -> 'tags'))
                           ELSE j.tags END,
        limits      = CASE WHEN p_changes ? 'limits' THEN v_limits ELSE j.limits END,
        line        = CASE WHEN p_changes ?| '{limits,group}' THEN howdah.line_of(
                          j.policy, j.key,
                          coalesce(p_changes ->> 'group', howdah.group_of(j.line, j.limits)),
                          CASE WHEN p_changes ? 'limits' THEN v_limits ELSE j.limits END)
                           ELSE j.line END,
        attempt     = CASE WHEN p_anew THEN 0 ELSE j.attempt END,
        crash_count = CASE WHEN p_anew THEN 0 ELSE j.crash_count END
    WHERE j.id = p_id AND j.state IN ('created', 'retry')
    RETURNING j.state, j.queue, j.priority, j.line, j.limits,
              j.ready_xid = pg_current_xact_id() AS is_made_ready
    INTO v_job;
    IF v_job.line IS NOT NULL THEN
        PERFORM howdah.line_up(v_job.queue, v_job.priority, v_job.limits, ARRAY[v_job.line]);
    END IF;
    IF v_job.is_made_ready THEN
        PERFORM howdah.wake(v_job.queue, v_job.priority);
    END IF;
    RETURN v_job.state;
END
$$;

-- When a job that is sent or changed now is too late: a moment, or so many seconds from now.
CREATE OR REPLACE FUNCTION howdah.deadline_of(p_options jsonb) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT CASE jsonb_typeof(p_options -> 'deadline')
           WHEN 'number' THEN howdah.now() + (p_options ->> 'deadline')::float8 * interval '1 second'
           ELSE (p_options ->> 'deadline')::timestamptz END
$$;

-- The group in a job's line: see line_of.
CREATE OR REPLACE FUNCTION howdah.group_of(p_line text, p_limits text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_limits IS NULL THEN p_line
                ELSE nullif(left(p_line, greatest(
                    length(p_line) - length(array_to_string(p_limits, '|')) - 1, 0)), '') END
$$;
