-- send: -> created
--
-- Stores a job in the caller's transaction. Answers with its id and whether it is new: when
-- another live job of the task holds the key, or the id was sent before, the answer is that job
-- and nothing is stored.
--
-- options: id, new_id, priority, start_after (timestamp) or delay (seconds), retry (limit, delay,
-- backoff, delay_max, jitter), expire_in (seconds), key, tags, retention (seconds), deadline
-- (timestamp or seconds), throttle, debounce, replace (see send_in_window), group, limits (an array
-- of 'name', 'name:key' or 'name/tier:key'). new_id says that the sender has just made the id, so
-- that the archive need not be asked for it; window, that the key is not this job's alone; flow_id
-- and blockers are send_flow's.

CREATE OR REPLACE FUNCTION howdah.check_options(p_options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_known   text[] := ARRAY['id', 'new_id', 'priority', 'start_after', 'delay', 'retry',
                              'expire_in', 'key', 'tags', 'retention', 'deadline', 'throttle',
                              'debounce', 'replace', 'window', 'group', 'limits', 'flow_id',
                              'blockers'];
    v_inner   text[] := ARRAY['new_id', 'window', 'flow_id', 'blockers'];
    v_unknown text;
    v_name    text;
    v_value   jsonb;
BEGIN
    IF jsonb_typeof(p_options) <> 'object' THEN
        RAISE EXCEPTION 'cannot send with options %: they must be a JSON object', p_options
            USING ERRCODE = 'HW005', DETAIL = '{"option": ""}';
    END IF;
    SELECT k INTO v_unknown FROM jsonb_object_keys(p_options - v_known) AS k ORDER BY k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no option %: the options are %',
            quote_literal(v_unknown),
            array_to_string(ARRAY(SELECT k FROM unnest(v_known) AS k WHERE k <> ALL (v_inner)), ', ')
            USING ERRCODE = 'HW005', DETAIL = jsonb_build_object('option', v_unknown)::text;
    END IF;
    IF p_options ? 'retry' AND (
        jsonb_typeof(p_options -> 'retry') <> 'object'
        OR (p_options -> 'retry') - '{limit,delay,backoff,delay_max,jitter}'::text[] <> '{}'
        OR EXISTS (
            SELECT FROM jsonb_each(p_options -> 'retry') AS e
            WHERE jsonb_typeof(e.value) <> CASE e.key WHEN 'backoff' THEN 'boolean' ELSE 'number' END))
    THEN
        RAISE EXCEPTION 'option retry is %: it must be an object with numbers for limit, delay, delay_max, jitter and a boolean for backoff',
            p_options -> 'retry' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    -- A time out of range would not fail its sender later on, but every claim and every
    -- housekeeping pass that meets the job.
    SELECT e.name, e.value INTO v_name, v_value
    FROM (SELECT o.key, o.value FROM jsonb_each(p_options) AS o
          WHERE o.key IN ('delay', 'expire_in', 'retention')
             OR o.key = 'deadline' AND jsonb_typeof(o.value) <> 'string'
          UNION ALL
          SELECT 'retry ' || r.key, r.value FROM jsonb_each(p_options -> 'retry') AS r
          WHERE r.key <> 'backoff') AS e (name, value)
    WHERE CASE jsonb_typeof(e.value)
          WHEN 'null' THEN false
          WHEN 'number' THEN e.value::numeric < 0
                          OR e.value::numeric > CASE e.name WHEN 'retry limit' THEN 2147483647
                                                            WHEN 'retry jitter' THEN 1
                                                            ELSE 3153600000 END
                          OR e.name = 'expire_in' AND e.value::numeric = 0
          ELSE true END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'option % is %: it must be a number, not negative, of at most 36500 days as seconds, 2147483647 retries or a jitter of 1; expire_in must be over 0',
            v_name, v_value USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'tags' AND jsonb_typeof(p_options -> 'tags') <> 'array' THEN
        RAISE EXCEPTION 'option tags is %: it must be an array of words',
            p_options -> 'tags' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF jsonb_typeof(p_options -> 'deadline') = 'string'
       AND NOT isfinite((p_options ->> 'deadline')::timestamptz) THEN
        RAISE EXCEPTION 'option deadline is %: it must be a moment, or seconds from now',
            p_options -> 'deadline' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'limits' AND (
        jsonb_typeof(p_options -> 'limits') <> 'array'
        OR EXISTS (
            SELECT FROM jsonb_array_elements(p_options -> 'limits') AS e
            WHERE jsonb_typeof(e.value) <> 'string'
               OR e.value #>> '{}' !~ '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?(:.{1,200})?$'))
    THEN
        RAISE EXCEPTION 'option limits is %: it must be an array of names of limits, each as name, name:key or name/tier:key',
            p_options -> 'limits' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION howdah.send_receipt(
    p_queue text, p_task text, p_args jsonb, p_options jsonb
) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_id       uuid     := coalesce((p_options ->> 'id')::uuid, howdah.uuid7());
    v_key      text     := p_options ->> 'key';
    v_priority smallint := coalesce((p_options ->> 'priority')::smallint, 0);
    v_start    timestamptz := coalesce(
        (p_options ->> 'start_after')::timestamptz,
        howdah.now() + (p_options ->> 'delay')::float8 * interval '1 second');
    v_ready    boolean  := coalesce(v_start <= howdah.now(), true) AND NOT p_options ? 'blockers';
    v_deadline timestamptz;
    v_found    uuid;
    v_limits   text[];
    v_line     text;
BEGIN
    IF jsonb_typeof(p_args) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'cannot send %: the arguments are %, not a JSON object by parameter name',
            p_task, coalesce(left(p_args::text, 80), 'null')
            USING ERRCODE = 'HW006', DETAIL = '{"path": "args"}';
    END IF;
    IF jsonb_typeof(p_options) <> 'object' OR p_options - '{id,new_id}'::text[] <> '{}' THEN
        PERFORM howdah.check_options(p_options);
        IF NOT isfinite(v_start) THEN
            RAISE EXCEPTION 'option start_after is %: it must be a moment', v_start
                USING ERRCODE = 'HW005', DETAIL = '{}';
        END IF;
        IF p_options ? 'deadline' THEN
            v_deadline := howdah.deadline_of(p_options);
        END IF;
        IF p_options ?| '{throttle,debounce,replace}' THEN
            RETURN QUERY SELECT w.id, w.created
            FROM howdah.send_in_window(p_queue, p_task, p_args, p_options) AS w;
            RETURN;
        END IF;
        v_limits := CASE WHEN p_options ? 'limits'
                         THEN ARRAY(SELECT jsonb_array_elements_text(p_options -> 'limits')) END;
        v_line := howdah.line_of(NULL, v_key, p_options ->> 'group', v_limits);
    END IF;
    IF p_options ? 'id' AND NOT p_options ? 'new_id'
       AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cannot send % with an id in a % transaction: whether it has run cannot be seen from there',
            p_task, current_setting('transaction_isolation')
            USING ERRCODE = 'HW005', DETAIL = '{}',
                  HINT = 'Send it in a READ COMMITTED transaction, or use a key.';
    END IF;
    FOR i IN 1..20 LOOP
        INSERT INTO howdah.job (id, queue, task, priority, args, key, tags, retry, expire_in,
                                retention, start_after, ready_xid, deadline, policy, line, limits,
                                flow_id, blockers, held)
        VALUES (v_id, p_queue, p_task, v_priority, p_args, v_key,
                CASE WHEN p_options ? 'tags'
                     THEN ARRAY(SELECT jsonb_array_elements_text(p_options -> 'tags')) END,
                p_options -> 'retry',
                (p_options ->> 'expire_in')::float8 * interval '1 second',
                (p_options ->> 'retention')::float8 * interval '1 second',
                v_start,
                CASE WHEN v_ready THEN pg_current_xact_id() END,
                v_deadline,
                CASE WHEN p_options ? 'window' THEN 'window' END,
                v_line, v_limits,
                (p_options ->> 'flow_id')::uuid,
                (p_options ->> 'blockers')::int,
                CASE WHEN p_options ? 'blockers' THEN 'flow' END)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            -- A repeated send of a job that has run meanwhile finds it only in the archive. Looked
            -- up after the insert: a finish that was under way has then either committed or waits.
            IF p_options ? 'id' AND NOT p_options ? 'new_id'
               AND EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = v_id) THEN
                DELETE FROM howdah.job AS j WHERE j.id = v_id;
                RETURN QUERY SELECT v_id, false;
                RETURN;
            END IF;
            IF v_line IS NOT NULL THEN
                PERFORM howdah.line_up(p_queue, v_priority, v_limits);
            END IF;
            IF v_ready THEN
                PERFORM howdah.wake(p_queue, v_priority);
            END IF;
            RETURN QUERY SELECT v_id, true;
            RETURN;
        END IF;
        -- By the id first, the archive included: a repeated send is answered with its own job,
        -- whoever holds the key by now.
        SELECT j.id INTO v_found FROM howdah.job AS j WHERE j.id = v_id;
        IF v_found IS NULL AND p_options ? 'id' AND NOT p_options ? 'new_id' THEN
            SELECT a.id INTO v_found FROM howdah.archive AS a WHERE a.id = v_id LIMIT 1;
        END IF;
        IF v_found IS NULL THEN
            SELECT j.id INTO v_found
            FROM howdah.job AS j
            WHERE j.task = p_task AND j.key = v_key AND j.policy IS NULL;
        END IF;
        IF v_found IS NOT NULL THEN
            RETURN QUERY SELECT v_found, false;
            RETURN;
        END IF;
        -- The holder finished between the two looks: the key is free now.
    END LOOP;
    RAISE EXCEPTION 'cannot send %: its key % is held by a job this transaction cannot see',
        p_task, quote_literal(v_key)
        USING ERRCODE = '40001',
              HINT = 'Send in a READ COMMITTED transaction, or repeat this one.';
END
$$;

CREATE OR REPLACE FUNCTION howdah.send(
    p_queue text, p_task text, p_args jsonb DEFAULT '{}', p_options jsonb DEFAULT '{}'
) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$ SELECT r.id FROM howdah.send_receipt(p_queue, p_task, p_args, p_options) AS r $$;
