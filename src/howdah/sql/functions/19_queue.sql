-- What a send asks of its queue, when the queue has anything to say.

-- The options of a job with what its queue says behind them. An operator's word beats the code's.
--
-- The code's word comes with the send where a program of Python sends (`defaults`), since such a
-- send must work before any worker has told the database of the queue. To a sender in SQL the
-- stored one applies, but for `retry` and `expire_in`: the worker's code decides those for jobs that
-- say nothing, and it knows what their task says.
CREATE OR REPLACE FUNCTION howdah.with_defaults(p_options jsonb, p_code jsonb, p_override jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_options ?| '{new_id,defaults}' THEN coalesce(p_options -> 'defaults', '{}')
                ELSE coalesce(p_code, '{}') - '{retry,expire_in}'::text[] END
           || coalesce(p_override, '{}')
           || (p_options - 'defaults')
$$;

-- The job in whose place another may not be stored.
CREATE OR REPLACE FUNCTION howdah.in_the_way(p_queue text, p_policy text, p_key text) RETURNS uuid
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p_policy = 'exclusive' THEN
        RETURN (SELECT j.id FROM howdah.job AS j
                WHERE j.queue = p_queue AND j.policy = 'exclusive'
                  AND coalesce(j.key, '') = coalesce(p_key, ''));
    END IF;
    RETURN (SELECT j.id FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.policy = p_policy
              AND j.policy IN ('short', 'stately') AND j.state = 'created'
              AND coalesce(j.key, '') = coalesce(p_key, ''));
END
$$;

-- Raises HW008 for a queue that nobody knows: no worker serves it, no code or operator has named
-- it, and no job was ever sent there.
CREATE OR REPLACE FUNCTION howdah.refuse_unknown_queue(p_queue text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_names text[];
    v_near  text;
BEGIN
    IF EXISTS (SELECT FROM howdah.lane AS l WHERE l.queue = p_queue)
       AND NOT EXISTS (SELECT FROM howdah.queue AS q WHERE q.name = p_queue) THEN
        RETURN;
    END IF;
    v_names := howdah.queue_names();
    v_near := howdah.nearest(p_queue, v_names);
    RAISE EXCEPTION 'no queue named %: %', quote_literal(p_queue),
        CASE WHEN v_near IS NOT NULL THEN format('did you mean %L?', v_near)
             WHEN v_names <> '{}' THEN 'there are ' || array_to_string(v_names[1:10], ', ')
                  || CASE WHEN cardinality(v_names) > 10 THEN ' ...' ELSE '' END
             ELSE 'there are none yet' END
        USING ERRCODE = 'HW008',
              DETAIL = jsonb_build_object('queue', p_queue, 'nearest', v_near)::text,
              HINT = 'A queue is known once a worker serves it, or after `howdah queues put`.';
END
$$;

CREATE OR REPLACE FUNCTION howdah.queue_names() RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(n.name ORDER BY n.name), '{}')
    FROM (SELECT q.name FROM howdah.queue AS q WHERE q.deleted_at IS NULL
          UNION
          SELECT l.queue FROM howdah.lane AS l
          WHERE NOT EXISTS (SELECT FROM howdah.queue AS q
                            WHERE q.name = l.queue AND q.deleted_at IS NOT NULL)) AS n
$$;

-- The name that shares the most letters and pairs of letters with another; null when none is near.
CREATE OR REPLACE FUNCTION howdah.nearest(p_name text, p_names text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    WITH parts AS (
        SELECT w.name, p.part, row_number() OVER (PARTITION BY w.name, p.part) AS nth
        FROM (SELECT p_name UNION SELECT unnest(p_names)) AS w (name)
        CROSS JOIN LATERAL (
            SELECT substr(lower(w.name), i, 1) FROM generate_series(1, length(w.name)) AS i
            UNION ALL
            SELECT substr(' ' || lower(w.name) || ' ', i, 2)
            FROM generate_series(1, length(w.name) + 1) AS i) AS p (part))
    SELECT other.name
    FROM parts AS other
    JOIN parts AS ours ON ours.name = p_name AND ours.part = other.part AND ours.nth = other.nth
    WHERE other.name <> p_name
    GROUP BY other.name
    HAVING count(*) > 0.6 * (1 + greatest(2 * length(other.name), 2 * length(p_name)))
    ORDER BY count(*) DESC, other.name
    LIMIT 1
$$;

-- Lets the jobs of a key run again that this failed job blocked.
CREATE OR REPLACE FUNCTION howdah.unblock_key(p_queue text, p_line text, p_job uuid) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    DELETE FROM howdah.blocked_key AS b
    WHERE b.queue = p_queue AND b.line = p_line AND b.job_id = p_job
$$;

-- Whether a send must ask its queue for each job, or may store them as they are.
CREATE OR REPLACE FUNCTION howdah.must_ask(p_queue text, p_task text, p_options jsonb) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM howdah.queue AS q
                   WHERE q.name = p_queue AND q.override <> '{}')
        OR coalesce((p_options -> 'defaults') ?| '{policy,max_waiting}', false)
        OR EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task)
$$;

-- Makes queues known, with what the code says of each; null says nothing and leaves what is there.
-- What an operator says is not touched.
CREATE OR REPLACE FUNCTION howdah.register_queues(p_code jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.lock_pauses();
    INSERT INTO howdah.queue AS q (name, paused_at, paused_by, pause_reason, paused_with_all)
    SELECT c.name, p.at, p.by, p.reason, p.at IS NOT NULL
    FROM jsonb_object_keys(p_code) AS c (name)
    LEFT JOIN howdah.pause AS p ON p.kind = 'everything'
    ORDER BY c.name
    ON CONFLICT (name) DO UPDATE SET deleted_at = NULL WHERE q.deleted_at IS NOT NULL;
    UPDATE howdah.queue AS q
    SET code = c.value
    FROM jsonb_each(p_code) AS c
    WHERE q.name = c.key AND c.value <> 'null' AND q.code <> c.value;
END
$$;

-- Says what an operator says of a queue, in the place of what was said before. The queue need not
-- be known yet.
CREATE OR REPLACE FUNCTION howdah.put_queue(p_name text, p_override jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.check_queue(p_name, p_override);
    PERFORM howdah.register_queues(jsonb_build_object(p_name, NULL));
    UPDATE howdah.queue AS q SET override = p_override WHERE q.name = p_name;
END
$$;

CREATE OR REPLACE FUNCTION howdah.check_queue(p_name text, p_override jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_shape text[] := '{policy,dead_letter,max_waiting,on_full,full_timeout,ageing}';
    v_jobs  text[] := '{priority,retry,expire_in,retention}';
    v_wrong text;
BEGIN
    IF coalesce(p_name, '') = '' THEN
        RAISE EXCEPTION 'cannot name a queue %', coalesce(quote_literal(p_name), 'null')
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    IF jsonb_typeof(p_override) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'cannot say % of queue %: it must be a JSON object',
            coalesce(p_override::text, 'null'), quote_literal(p_name)
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    SELECT k INTO v_wrong FROM jsonb_object_keys(p_override - v_shape - v_jobs) AS k ORDER BY k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no option % of a queue: the options are %',
            quote_literal(v_wrong), array_to_string(v_jobs || v_shape, ', ')
            USING ERRCODE = 'HW005', DETAIL = jsonb_build_object('option', v_wrong)::text;
    END IF;
    PERFORM howdah.check_options(p_override - v_shape);
    SELECT e.key INTO v_wrong
    FROM jsonb_each(p_override) AS e
    WHERE NOT CASE e.key
        WHEN 'policy' THEN e.value #>> '{}' = ANY ('{standard,short,singleton,stately,exclusive,key_strict_fifo}')
        WHEN 'on_full' THEN e.value #>> '{}' = ANY ('{reject,drop_oldest,block}')
        WHEN 'dead_letter' THEN jsonb_typeof(e.value) = 'string' AND e.value <> '""'
        WHEN 'max_waiting' THEN CASE WHEN jsonb_typeof(e.value) = 'number'
            THEN e.value::numeric BETWEEN 1 AND 100000 AND e.value::numeric % 1 = 0 ELSE false END
        WHEN 'full_timeout' THEN CASE WHEN jsonb_typeof(e.value) = 'number'
            THEN e.value::numeric BETWEEN 0 AND 3153600000 ELSE false END
        WHEN 'ageing' THEN CASE WHEN jsonb_typeof(e.value) = 'number'
            THEN e.value::numeric BETWEEN 0.001 AND 3153600000 ELSE false END
        WHEN 'priority' THEN CASE WHEN jsonb_typeof(e.value) = 'number'
            THEN e.value::numeric BETWEEN -32768 AND 32767 AND e.value::numeric % 1 = 0
            ELSE false END
        ELSE true END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'option % of queue % cannot be %',
            v_wrong, quote_literal(p_name), p_override -> v_wrong
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
END
$$;

-- Pauses a queue: nobody claims from it until it is resumed, and what runs goes on. One that is
-- paused stays so, as it is; one that is paused with everything is paused by itself from now on.
-- Answers whether there is such a queue.
CREATE OR REPLACE FUNCTION howdah.pause_queue(p_name text, p_by text DEFAULT NULL, p_reason text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.lock_pauses();
    INSERT INTO howdah.queue (name)
    SELECT l.queue FROM howdah.lane AS l WHERE l.queue = p_name LIMIT 1
    ON CONFLICT DO NOTHING;
    UPDATE howdah.queue AS q
    SET paused_at = howdah.now(), paused_by = p_by, pause_reason = p_reason, paused_with_all = false
    WHERE q.name = p_name AND q.deleted_at IS NULL AND (q.paused_at IS NULL OR q.paused_with_all);
    RETURN EXISTS (SELECT FROM howdah.queue AS q WHERE q.name = p_name AND q.deleted_at IS NULL);
END
$$;

CREATE OR REPLACE FUNCTION howdah.resume_queue(p_name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.lock_pauses();
    UPDATE howdah.queue AS q
    SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, paused_with_all = false
    WHERE q.name = p_name AND q.paused_at IS NOT NULL;
    IF FOUND THEN
        PERFORM howdah.wake_queue(p_name);
    END IF;
    RETURN p_name = ANY (howdah.queue_names());
END
$$;

-- Pauses every queue, those of which somebody tells only later included.
CREATE OR REPLACE FUNCTION howdah.pause_everything(p_by text DEFAULT NULL, p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.lock_pauses();
    INSERT INTO howdah.pause (kind, name, by, reason) VALUES ('everything', '', p_by, p_reason)
    ON CONFLICT DO NOTHING;
    INSERT INTO howdah.queue (name)
    SELECT DISTINCT l.queue FROM howdah.lane AS l
    ON CONFLICT DO NOTHING;
    UPDATE howdah.queue AS q
    SET paused_at = p.at, paused_by = p.by, pause_reason = p.reason, paused_with_all = true
    FROM howdah.pause AS p
    WHERE p.kind = 'everything' AND q.paused_at IS NULL;
END
$$;

-- Resumes what was paused with everything. What was paused by itself stays so.
CREATE OR REPLACE FUNCTION howdah.resume_everything() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_name text;
BEGIN
    PERFORM howdah.lock_pauses();
    DELETE FROM howdah.pause AS p WHERE p.kind = 'everything';
    FOR v_name IN
        UPDATE howdah.queue AS q
        SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, paused_with_all = false
        WHERE q.paused_with_all
        RETURNING q.name
    LOOP
        PERFORM howdah.wake_queue(v_name);
    END LOOP;
END
$$;

-- Wakes the idle workers of a queue, in which something may have become claimable.
CREATE OR REPLACE FUNCTION howdah.wake_queue(p_name text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT howdah.wake(l.queue, l.priority) FROM howdah.lane AS l WHERE l.queue = p_name LIMIT 1
$$;

-- Forgets a queue and what was said of it, unless it has live jobs. Answers with how many it has.
-- Its name stays with a mark, since lanes stay, by which a sender would know it.
CREATE OR REPLACE FUNCTION howdah.delete_queue(p_name text, p_with_jobs boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_jobs bigint;
BEGIN
    SELECT count(*) INTO v_jobs FROM howdah.job AS j WHERE j.queue = p_name;
    IF v_jobs = 0 OR p_with_jobs THEN
        INSERT INTO howdah.queue AS q (name, deleted_at) VALUES (p_name, howdah.now())
        ON CONFLICT (name) DO UPDATE
        SET deleted_at = howdah.now(), code = '{}', override = '{}', paused_at = NULL,
            paused_by = NULL, pause_reason = NULL, paused_with_all = false, blocked_until = NULL;
        DELETE FROM howdah.blocked_key AS b WHERE b.queue = p_name;
    END IF;
    RETURN v_jobs;
END
$$;

-- hold: gives the waiting jobs of a paused task a rest, those among the p_limit jobs after p_after.
-- Answers with the last that was looked at, null at the end. By the primary key, in pieces: no
-- index finds the jobs of a task, and no statement may hold many rows for long.
CREATE OR REPLACE FUNCTION howdah.hold_jobs(p_task text, p_after uuid, p_limit int)
RETURNS TABLE (last uuid, held bigint)
LANGUAGE sql VOLATILE
AS $$
    WITH looked AS MATERIALIZED (
        SELECT j.id, j.task, j.state
        FROM howdah.job AS j
        WHERE j.id > p_after
        ORDER BY j.id
        LIMIT p_limit),
    locked AS MATERIALIZED (
        SELECT j.id
        FROM looked AS l
        JOIN howdah.job AS j ON j.id = l.id
        WHERE l.task = p_task AND j.state IN ('created', 'retry') AND j.held IS NULL
        FOR UPDATE OF j SKIP LOCKED),
    held AS (
        UPDATE howdah.job AS j
        SET held = 'task', ready_xid = NULL
        WHERE j.id = ANY (ARRAY(SELECT l.id FROM locked AS l))
          AND EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task)
        RETURNING j.id)
    SELECT (SELECT l.id FROM looked AS l ORDER BY l.id DESC LIMIT 1), (SELECT count(*) FROM held)
$$;

-- lift: lets jobs wait as others do that were held for a task which is not paused, at most p_limit.
-- Answers with how many; 0 when none are left. Who resumes a task says this, and housekeeping, for
-- jobs that were held just as their task was resumed.
CREATE OR REPLACE FUNCTION howdah.lift_jobs(p_limit int) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_count bigint := 0;
    v_lane  record;
    v_task  text;
BEGIN
    LOOP
        -- From one task to the next: a paused one may have many.
        SELECT j.task INTO v_task
        FROM howdah.job AS j
        WHERE j.held = 'task' AND (v_task IS NULL OR j.task > v_task)
        ORDER BY j.task
        LIMIT 1;
        EXIT WHEN NOT FOUND;
        EXIT WHEN v_count >= p_limit;
        CONTINUE WHEN EXISTS (
            SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = v_task);
        FOR v_lane IN
            WITH lifted AS (
                UPDATE howdah.job AS j
                SET held      = NULL,
                    ready_xid = CASE WHEN coalesce(j.start_after <= howdah.now(), true)
                                     THEN pg_current_xact_id() END
                WHERE j.id = ANY (ARRAY(
                    SELECT k.id
                    FROM howdah.job AS k
                    WHERE k.held = 'task' AND k.task = v_task
                    LIMIT p_limit - v_count
                    FOR UPDATE SKIP LOCKED))
                RETURNING j.queue, j.priority, j.line, j.ready_xid)
            SELECT l.queue, l.priority, count(*) AS n, count(l.ready_xid) AS ready,
                   array_agg(DISTINCT l.line)
                       FILTER (WHERE l.line IS NOT NULL AND l.ready_xid IS NOT NULL) AS lines
            FROM lifted AS l
            GROUP BY l.queue, l.priority
        LOOP
            v_count := v_count + v_lane.n;
            IF v_lane.lines IS NOT NULL THEN
                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL, v_lane.lines);
            END IF;
            IF v_lane.ready > 0 THEN
                PERFORM howdah.wake(v_lane.queue, v_lane.priority);
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_count;
END
$$;
