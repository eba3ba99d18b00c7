-- send, with throttle, debounce or replace: -> created, or the job that stands for this send
--
-- throttle {per, next_slot}: one job of the task and key in each window of `per` seconds, also
-- after it has finished. With next_slot, one that comes too early makes a job for the next window.
-- debounce {wait, max_wait}: while a job of the task and key waits, it takes the arguments of this
-- send and starts `wait` seconds from now, but at most `max_wait` after it was first sent.
-- replace [option, ...]: while a job of the task and key waits, it takes these of this send.
--
-- The row in `throttle` belongs to the caller's transaction as the job does: rolled back together.

CREATE OR REPLACE FUNCTION howdah.check_window(p_options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_known   text[] := '{args,priority,start_after,retry,expire_in,tags,retention,deadline}';
    v_unknown text;
BEGIN
    IF p_options ? 'throttle' AND p_options ?| '{debounce,replace}' THEN
        RAISE EXCEPTION 'cannot throttle a send and debounce it or replace what waits: choose one'
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'throttle' AND NOT howdah.is_span(p_options, 'throttle', 'per', '{next_slot}') THEN
        RAISE EXCEPTION 'option throttle is %: it must be seconds over 0, or an object with per in seconds and next_slot',
            p_options -> 'throttle' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'debounce' AND NOT howdah.is_span(p_options, 'debounce', 'wait', '{max_wait}') THEN
        RAISE EXCEPTION 'option debounce is %: it must be seconds over 0, or an object with wait and max_wait in seconds',
            p_options -> 'debounce' USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'debounce' AND p_options ?| '{start_after,delay}' THEN
        RAISE EXCEPTION 'cannot debounce a send with start_after or delay: debounce says when it starts'
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF p_options ? 'replace' AND jsonb_typeof(p_options -> 'replace') <> 'array' THEN
        RAISE EXCEPTION 'option replace is %: it must be an array of options', p_options -> 'replace'
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    SELECT k INTO v_unknown
    FROM jsonb_array_elements_text(coalesce(p_options -> 'replace', '[]')) AS k
    WHERE k <> ALL (v_known)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot replace %: what can be replaced is %',
            quote_literal(v_unknown), array_to_string(v_known, ', ')
            USING ERRCODE = 'HW005', DETAIL = jsonb_build_object('option', v_unknown)::text;
    END IF;
END
$$;

-- Whether an option is a number of seconds, or an object that holds one under p_name and beside
-- it nothing but what is in p_more.
CREATE OR REPLACE FUNCTION howdah.is_span(
    p_options jsonb, p_option text, p_name text, p_more text[]
) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(
        o.value - (p_name || p_more) = '{}'
        AND jsonb_typeof(o.value -> p_name) = 'number'
        AND CASE WHEN jsonb_typeof(o.value -> p_name) = 'number'
                 THEN (o.value ->> p_name)::numeric > 0
                  AND (o.value ->> p_name)::numeric <= 3153600000 END
        AND coalesce(jsonb_typeof(o.value -> 'next_slot'), 'boolean') = 'boolean'
        AND CASE coalesce(jsonb_typeof(o.value -> 'max_wait'), 'null')
            WHEN 'null' THEN true
            WHEN 'number' THEN (o.value ->> 'max_wait')::numeric BETWEEN 0 AND 3153600000
            ELSE false END, false)
    FROM (SELECT CASE jsonb_typeof(p_options -> p_option)
                 WHEN 'number' THEN jsonb_build_object(p_name, p_options -> p_option)
                 WHEN 'object' THEN p_options -> p_option END) AS o (value)
$$;

CREATE OR REPLACE FUNCTION howdah.send_in_window(
    p_queue text, p_task text, p_args jsonb, p_options jsonb
) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_id      uuid  := coalesce((p_options ->> 'id')::uuid, howdah.uuid7());
    v_options jsonb := p_options - '{throttle,debounce,replace}'::text[]
                       || jsonb_build_object('id', v_id, 'window', true)
                       || CASE WHEN p_options ? 'id' THEN '{}' ELSE '{"new_id": true}'::jsonb END;
BEGIN
    PERFORM howdah.check_window(p_options);
    IF p_options ? 'throttle' THEN
        RETURN QUERY SELECT t.id, t.created FROM howdah.send_throttled(
            p_queue, p_task, p_args, v_options,
            coalesce(p_options #>> '{throttle,per}', p_options ->> 'throttle')::float8,
            coalesce((p_options #>> '{throttle,next_slot}')::boolean, false)) AS t;
    ELSE
        RETURN QUERY SELECT r.id, r.created FROM howdah.send_replacing(
            p_queue, p_task, p_args, v_options, coalesce(p_options -> 'replace', '[]'),
            coalesce(p_options #>> '{debounce,wait}', p_options ->> 'debounce')::float8,
            (p_options #>> '{debounce,max_wait}')::float8) AS r;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION howdah.send_throttled(
    p_queue text, p_task text, p_args jsonb, p_options jsonb, p_per float8, p_next_slot boolean
) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_id    uuid        := (p_options ->> 'id')::uuid;
    v_key   text        := coalesce(p_options ->> 'key', '');
    v_slot  timestamptz := to_timestamp(floor(extract(epoch FROM howdah.now())::float8 / p_per) * p_per);
    v_end   timestamptz;
    v_found uuid;
    v_new   boolean;
BEGIN
    FOR i IN 0..p_next_slot::int LOOP
        v_end := v_slot + p_per * interval '1 second';
        -- Waits for a transaction that is in this window and not over: if it is rolled back, the
        -- window is free again.
        INSERT INTO howdah.throttle (task, key, slot, expire_at, job_id, sent_id)
        VALUES (p_task, v_key, v_slot, v_end, v_id, v_id)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            SELECT r.id, r.created INTO v_found, v_new
            FROM howdah.send_receipt(p_queue, p_task, p_args, CASE WHEN i = 0 THEN p_options
                ELSE p_options - 'delay' || jsonb_build_object('start_after', greatest(
                    v_slot, (p_options ->> 'start_after')::timestamptz,
                    howdah.now() + (p_options ->> 'delay')::float8 * interval '1 second')) END) AS r;
            IF NOT v_new THEN
                -- A repeated send, whose job is of an earlier window, does not take this one.
                DELETE FROM howdah.throttle AS t
                WHERE t.task = p_task AND t.key = v_key AND t.slot = v_slot;
            END IF;
            RETURN QUERY SELECT v_found, v_new;
            RETURN;
        END IF;
        SELECT t.job_id INTO v_found
        FROM howdah.throttle AS t
        WHERE t.task = p_task AND t.key = v_key AND t.slot = v_slot;
        EXIT WHEN v_found = v_id;
        v_slot := v_end;
    END LOOP;
    RETURN QUERY SELECT v_found, false;
END
$$;

CREATE OR REPLACE FUNCTION howdah.send_replacing(
    p_queue text, p_task text, p_args jsonb, p_options jsonb, p_fields jsonb,
    p_wait float8, p_max_wait float8
) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_id      uuid    := (p_options ->> 'id')::uuid;
    v_key     text    := coalesce(p_options ->> 'key', '');
    v_said    jsonb   := p_options || jsonb_build_object('args', p_args);
    v_changes jsonb;
    v_row     howdah.throttle;
BEGIN
    LOOP
        INSERT INTO howdah.throttle (task, key, slot, expire_at, job_id, sent_id)
        VALUES (p_task, v_key, 'infinity', howdah.now(), v_id, v_id)
        ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
        -- One sender of this key at a time.
        SELECT t.* INTO v_row
        FROM howdah.throttle AS t
        WHERE t.task = p_task AND t.key = v_key AND t.slot = 'infinity'
        FOR UPDATE;
        EXIT WHEN FOUND;
        -- Housekeeping deleted it between the two looks.
    END LOOP;
    -- A repeated send may have been carried out before, and others since: it undoes none of them.
    IF NOT p_options ? 'new_id' AND v_row.sent_id >= v_id THEN
        RETURN QUERY SELECT v_row.job_id, false;
        RETURN;
    END IF;
    IF p_wait IS NOT NULL THEN
        p_fields := p_fields || '["args", "start_after"]';
        v_said   := v_said || jsonb_build_object('start_after', least(
            howdah.now() + p_wait * interval '1 second',
            CASE WHEN p_max_wait IS NOT NULL
                 THEN greatest(v_row.first_at + p_max_wait * interval '1 second', howdah.now()) END));
    END IF;
    SELECT jsonb_object_agg(o.key, o.value) INTO v_changes
    FROM jsonb_each(v_said) AS o
    WHERE p_fields ? CASE o.key WHEN 'delay' THEN 'start_after'
                                -- What a job draws from follows from its arguments.
                                WHEN 'limits' THEN 'args'
                                WHEN 'group' THEN 'args'
                                ELSE o.key END;
    IF v_row.job_id IS NOT NULL
       AND howdah.change(v_row.job_id, coalesce(v_changes, '{}'), p_fields ? 'args') IS NOT NULL THEN
        UPDATE howdah.throttle AS t SET sent_id = v_id
        WHERE t.task = p_task AND t.key = v_key AND t.slot = 'infinity';
        RETURN QUERY SELECT v_row.job_id, false;
        RETURN;
    END IF;
    UPDATE howdah.throttle AS t
    SET job_id = v_id, sent_id = v_id, first_at = howdah.now(), expire_at = howdah.now()
    WHERE t.task = p_task AND t.key = v_key AND t.slot = 'infinity' AND v_row.job_id IS NOT NULL;
    RETURN QUERY SELECT r.id, r.created
    FROM howdah.send_receipt(p_queue, p_task, p_args, p_options
        || CASE WHEN p_wait IS NULL THEN '{}' ELSE jsonb_build_object('delay', p_wait) END) AS r;
END
$$;
