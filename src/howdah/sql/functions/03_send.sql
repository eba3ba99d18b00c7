-- send: -> created
--
-- Stores a job in the caller's transaction. Answers with its id and whether it is new: when
-- another live job of the task holds the key, the policy of the queue turns the job away, or the
-- id was sent before, the answer is that job and nothing is stored.
--
-- options: id, priority, start_after (timestamp) or delay (seconds), retry (limit, delay, backoff,
-- delay_max, jitter), expire_in (seconds), key, tags, retention (seconds), deadline (timestamp or
-- seconds), throttle, debounce, replace (see send_in_window), group, limits (an array of 'name',
-- 'name:key' or 'name/tier:key'), dead_letter (a queue).
-- What only our own code says: new_id, that the sender has just made the id, so that the archive
-- need not be asked for it; defaults, what the sender's code says of the queue; either means that
-- the code knows the queue; window, that the key is not this job's alone;
-- flow_id and blockers are send_flow's; scheduled_for, the tick, is fire's.

CREATE OR REPLACE FUNCTION howdah.check_options(p_options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_known   text[] := ARRAY['id', 'priority', 'start_after', 'delay', 'retry', 'expire_in',
                              'key', 'tags', 'retention', 'deadline', 'throttle', 'debounce',
                              'replace', 'group', 'limits', 'dead_letter'];
    v_hidden  text[] := '{new_id,defaults,window,flow_id,blockers,scheduled_for}';
    v_unknown text;
    v_name    text;
    v_value   jsonb;
BEGIN
    IF jsonb_typeof(p_options) <> 'object' THEN
        RAISE EXCEPTION 'cannot send with options %: they must be a JSON object', p_options
            USING ERRCODE = 'HW005', DETAIL = '{"option": ""}';
    END IF;
    SELECT k INTO v_unknown FROM jsonb_object_keys(p_options - v_known - v_hidden) AS k ORDER BY k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no option %: the options are %',
            quote_literal(v_unknown), array_to_string(v_known, ', ')
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
                          -- Too small for a float8, which those who read it need.
                          OR e.value::numeric > 0 AND e.value::numeric < 0.000001
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
               OR e.value #>> '{}' !~ '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?(:.{1,200})?$')
        -- What a job has taken of a limit would keep it from what else it wants of it.
        OR EXISTS (
            SELECT FROM jsonb_array_elements_text(p_options -> 'limits') AS e (entry)
            GROUP BY howdah.quota_of(e.entry)
            HAVING count(*) > 1))
    THEN
        RAISE EXCEPTION 'option limits is %: it must be an array of names of limits, each once, as name, name:key or name/tier:key',
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
    v_options  jsonb    := p_options;
    v_place    record;
    v_key      text;
    v_policy   text;
    v_priority smallint;
    v_start    timestamptz;
    v_ready    boolean;
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
    IF jsonb_typeof(p_options) <> 'object' OR p_options - '{id,new_id,defaults}'::text[] <> '{}' THEN
        PERFORM howdah.check_options(p_options);
    END IF;
    -- One look at all that is known of the queue and the task.
    SELECT q.name IS NOT NULL AND q.deleted_at IS NULL AS known, q.code, q.override,
           p.name IS NOT NULL AS paused
    INTO v_place
    FROM (VALUES (p_queue)) AS s (queue)
    LEFT JOIN howdah.queue AS q ON q.name = s.queue
    LEFT JOIN howdah.pause AS p ON p.kind = 'task' AND p.name = p_task;
    IF NOT v_place.known AND NOT p_options ?| '{new_id,defaults}' THEN
        PERFORM howdah.refuse_unknown_queue(p_queue);
    END IF;
    IF p_options ?| '{throttle,debounce,replace}' THEN
        RETURN QUERY SELECT w.id, w.created
        FROM howdah.send_in_window(p_queue, p_task, p_args, p_options) AS w;
        RETURN;
    END IF;
    IF p_options -> 'defaults' <> '{}' OR v_place.code <> '{}' OR v_place.override <> '{}' THEN
        v_options := howdah.with_defaults(p_options, v_place.code, v_place.override);
        v_policy := nullif(v_options ->> 'policy', 'standard');
    END IF;
    v_key := v_options ->> 'key';
    v_priority := coalesce((v_options ->> 'priority')::smallint, 0);
    v_start := coalesce(
        (v_options ->> 'start_after')::timestamptz,
        howdah.now() + (v_options ->> 'delay')::float8 * interval '1 second');
    v_ready := coalesce(v_start <= howdah.now(), true)
               AND NOT v_place.paused AND NOT p_options ? 'blockers';
    IF NOT isfinite(v_start) THEN
        RAISE EXCEPTION 'option start_after is %: it must be a moment', v_start
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF v_options ? 'deadline' THEN
        v_deadline := howdah.deadline_of(v_options);
    END IF;
    IF v_policy IS NOT NULL OR v_options ?| '{limits,group}' THEN
        v_limits := CASE WHEN v_options ? 'limits'
                         THEN nullif(ARRAY(SELECT jsonb_array_elements_text(v_options -> 'limits')), '{}') END;
        v_line := howdah.line_of(v_policy, v_key, v_options ->> 'group', v_limits);
        IF octet_length(v_line) > 1500 THEN
            RAISE EXCEPTION 'cannot send % with a group, limits and keys of % bytes: 1500 are allowed',
                p_task, octet_length(v_line) USING ERRCODE = 'HW005', DETAIL = '{}';
        END IF;
    END IF;
    IF v_policy = 'key_strict_fifo' AND coalesce(v_key, '') = '' THEN
        RAISE EXCEPTION 'cannot send % to queue % without a key: its policy is key_strict_fifo, which runs the jobs of each key in order',
            p_task, quote_literal(p_queue)
            USING ERRCODE = 'HW010', DETAIL = jsonb_build_object('queue', p_queue)::text;
    END IF;
    IF p_options ? 'id' AND NOT p_options ? 'new_id'
       AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cannot send % with an id in a % transaction: whether it has run cannot be seen from there',
            p_task, current_setting('transaction_isolation')
            USING ERRCODE = 'HW005', DETAIL = '{}',
                  HINT = 'Send it in a READ COMMITTED transaction, or use a key.';
    END IF;
    IF v_policy IN ('key_strict_fifo', 'stately') THEN
        PERFORM howdah.hold_head(p_queue, v_line);
    END IF;
    FOR i IN 1..20 LOOP
        INSERT INTO howdah.job (id, queue, task, priority, args, key, tags, retry, expire_in,
                                retention, start_after, ready_xid, deadline, held, policy, line,
                                limits, dead_letter, flow_id, blockers, scheduled_for, sending)
        VALUES (v_id, p_queue, p_task, v_priority, p_args, v_key,
                CASE WHEN v_options ? 'tags'
                     THEN ARRAY(SELECT jsonb_array_elements_text(v_options -> 'tags')) END,
                v_options -> 'retry',
                (v_options ->> 'expire_in')::float8 * interval '1 second',
                (v_options ->> 'retention')::float8 * interval '1 second',
                v_start,
                CASE WHEN v_ready THEN pg_current_xact_id() END,
                v_deadline,
                CASE WHEN p_options ? 'blockers' THEN 'flow'
                     WHEN v_place.paused THEN 'task' END,
                coalesce(v_policy, CASE WHEN p_options ? 'window' THEN 'window' END),
                v_line, v_limits, v_options ->> 'dead_letter',
                (p_options ->> 'flow_id')::uuid, (p_options ->> 'blockers')::int,
                (p_options ->> 'scheduled_for')::timestamptz,
                -- Not the id: a sender may give one of its own, and its clock may be behind.
                CASE WHEN v_policy IN ('key_strict_fifo', 'stately')
                     THEN nextval(format('%I.sending', __schema__)::regclass) END)
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
                PERFORM howdah.line_up(p_queue, v_priority, v_limits, ARRAY[v_line]);
            END IF;
            IF v_ready THEN
                PERFORM howdah.wake(p_queue, v_priority);
            END IF;
            -- Last, since it counts in the lanes and lines that are known by now.
            IF v_ready AND v_options ? 'max_waiting' THEN
                PERFORM howdah.keep_room(p_queue, v_id, v_options);
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
        IF v_found IS NULL AND v_policy IS NULL THEN
            SELECT j.id INTO v_found
            FROM howdah.job AS j
            WHERE j.task = p_task AND j.key = v_key AND j.policy IS NULL;
        ELSIF v_found IS NULL THEN
            v_found := howdah.in_the_way(p_queue, v_policy, v_key);
        END IF;
        IF v_found IS NOT NULL THEN
            RETURN QUERY SELECT v_found, false;
            RETURN;
        END IF;
        -- The holder moved on between the two looks: its place is free now.
    END LOOP;
    RAISE EXCEPTION 'cannot send %: its % is held by a job this transaction cannot see',
        p_task, coalesce('key ' || quote_literal(v_key), 'place')
        USING ERRCODE = '40001',
              HINT = 'Send in a READ COMMITTED transaction, or repeat this one.';
END
$$;

CREATE OR REPLACE FUNCTION howdah.send(
    p_queue text, p_task text, p_args jsonb DEFAULT '{}', p_options jsonb DEFAULT '{}'
) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$ SELECT r.id FROM howdah.send_receipt(p_queue, p_task, p_args, p_options) AS r $$;
