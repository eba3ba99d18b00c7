-- fire: sends the jobs of ticks that are due, and moves their schedules on
--
-- Each order names a schedule with the revision and the next_at from which its caller computed:
-- {"name", "revision", "expected", "next", "ticks": [...]}, moments as whole seconds since 1970.
-- A schedule that was moved, edited, paused or deleted since is left alone, as is one that another
-- caller is firing. So any number of workers may fire at once: whoever comes first moves it, and
-- a caller that dies moves nothing and sends nothing.
--
-- All are locked at first. Then those with one tick whose job asks nothing of anybody are sent
-- together, since thousands may be due in the same second; the others are sent one by one.

CREATE OR REPLACE FUNCTION howdah.fire(p_orders jsonb) RETURNS TABLE (fired bigint, skipped bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_fired    bigint := 0;
    v_skipped  bigint := 0;
    v_plain    jsonb;
    v_others   jsonb;
    v_job      uuid;
    v_last_job uuid;
    v_tick     timestamptz;
    v          record;
BEGIN
    SELECT jsonb_agg(m.mine) FILTER (WHERE m.plain), jsonb_agg(m.mine) FILTER (WHERE NOT m.plain)
    INTO v_plain, v_others
    FROM (
        SELECT to_jsonb(o) AS mine,
               s.overlap = 'allow' AND cardinality(o.ticks) = 1
               AND howdah.asks_nothing(s.queue, s.task, s.args, s.options) AS plain
        FROM jsonb_to_recordset(p_orders)
            AS o (name text, revision bigint, expected bigint, next bigint, ticks bigint[])
        JOIN howdah.schedule AS s ON s.name = o.name
        WHERE s.revision = o.revision
          AND s.next_at = to_timestamp(o.expected)
          AND s.paused_at IS NULL
        FOR UPDATE OF s SKIP LOCKED) AS m;
    IF v_plain IS NOT NULL THEN
        v_fired := howdah.fire_together(v_plain);
    END IF;
    FOR v IN
        SELECT s.name, s.task, s.queue, s.args, s.options, s.jitter, s.overlap, s.last_job_id,
               o.next, o.ticks
        FROM jsonb_to_recordset(v_others) AS o (name text, next bigint, ticks bigint[])
        JOIN howdah.schedule AS s ON s.name = o.name
    LOOP
        v_last_job := v.last_job_id;
        FOR v_tick IN SELECT to_timestamp(t) FROM unnest(v.ticks) AS t LOOP
            v_job := CASE WHEN v.overlap = 'allow' OR NOT howdah.is_live(v_last_job)
                          THEN howdah.uuid7() END;
            INSERT INTO howdah.tick (nominal, schedule, job_id)
            VALUES (v_tick, v.name, v_job)
            ON CONFLICT DO NOTHING;
            CONTINUE WHEN NOT FOUND;
            IF v_job IS NULL THEN
                v_skipped := v_skipped + 1;
                CONTINUE;
            END IF;
            v_last_job := howdah.send(
                v.queue, v.task, v.args,
                v.options || jsonb_build_object('id', v_job, 'new_id', true)
                || CASE WHEN v.jitter > 0
                        THEN jsonb_build_object(
                            'start_after', v_tick + random() * v.jitter * interval '1 second')
                        ELSE '{}' END);
            IF v_last_job <> v_job THEN
                UPDATE howdah.tick SET job_id = v_last_job
                WHERE nominal = v_tick AND schedule = v.name;
            END IF;
            v_fired := v_fired + 1;
        END LOOP;
        UPDATE howdah.schedule AS s
        SET next_at     = to_timestamp(v.next),
            last_tick   = coalesce(to_timestamp(v.ticks[cardinality(v.ticks)]), s.last_tick),
            last_job_id = v_last_job
        WHERE s.name = v.name;
    END LOOP;
    RETURN QUERY SELECT v_fired, v_skipped;
END
$$;

-- Whether a job of a schedule can be stored as it is: no key, no line, no limit, no policy, no
-- pause, and nothing to refuse. What raises here would raise in send, and names its schedule then.
CREATE OR REPLACE FUNCTION howdah.asks_nothing(p_queue text, p_task text, p_args jsonb, p_options jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_simple   text[] := '{priority,retry,expire_in,tags,retention,dead_letter}';
    v_override jsonb;
BEGIN
    IF jsonb_typeof(p_args) <> 'object' OR jsonb_typeof(p_options) <> 'object'
       OR p_options - v_simple - 'defaults' <> '{}' THEN
        RETURN false;
    END IF;
    IF p_options - 'defaults' <> '{}' THEN
        PERFORM howdah.check_options(p_options);
    END IF;
    SELECT q.override INTO v_override FROM howdah.queue AS q WHERE q.name = p_queue;
    RETURN coalesce(p_options -> 'defaults', '{}') - v_simple = '{}'
       AND coalesce(v_override, '{}') - v_simple = '{}'
       AND NOT EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task);
END
$$;

-- Sends the one tick of each of these schedules, which the caller has locked, and moves them on.
-- The caller's plan is pinned for look-ups by name; here two lists of the same jobs are joined.
CREATE OR REPLACE FUNCTION howdah.fire_together(p_orders jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = on
AS $$
DECLARE
    v_fired bigint := 0;
    v_lane  record;
BEGIN
    FOR v_lane IN
        WITH due AS MATERIALIZED (
            SELECT s.name, s.task, s.queue, s.args, howdah.uuid7() AS job_id,
                   to_timestamp(o.ticks[1]) AS tick, to_timestamp(o.next) AS next,
                   CASE WHEN s.jitter > 0
                        THEN to_timestamp(o.ticks[1]) + random() * s.jitter * interval '1 second'
                        END AS start_after,
                   howdah.with_defaults(s.options || '{"new_id": true}', NULL, q.override) AS said
            FROM jsonb_to_recordset(p_orders) AS o (name text, next bigint, ticks bigint[])
            JOIN howdah.schedule AS s ON s.name = o.name
            LEFT JOIN howdah.queue AS q ON q.name = s.queue),
        ticked AS (
            INSERT INTO howdah.tick (nominal, schedule, job_id)
            SELECT d.tick, d.name, d.job_id FROM due AS d
            ON CONFLICT DO NOTHING
            RETURNING job_id),
        sent AS (
            INSERT INTO howdah.job (id, queue, task, priority, args, tags, retry, expire_in,
                                    retention, start_after, ready_xid, dead_letter)
            SELECT d.job_id, d.queue, d.task, coalesce((d.said ->> 'priority')::smallint, 0), d.args,
                   CASE WHEN d.said ? 'tags'
                        THEN ARRAY(SELECT jsonb_array_elements_text(d.said -> 'tags')) END,
                   d.said -> 'retry',
                   (d.said ->> 'expire_in')::float8 * interval '1 second',
                   (d.said ->> 'retention')::float8 * interval '1 second',
                   d.start_after,
                   CASE WHEN coalesce(d.start_after <= howdah.now(), true)
                        THEN pg_current_xact_id() END,
                   d.said ->> 'dead_letter'
            FROM due AS d
            JOIN ticked AS t ON t.job_id = d.job_id
            RETURNING queue, priority, ready_xid),
        moved AS (
            UPDATE howdah.schedule AS s
            SET next_at     = d.next,
                last_tick   = d.tick,
                last_job_id = coalesce(t.job_id, s.last_job_id)
            FROM due AS d
            LEFT JOIN ticked AS t ON t.job_id = d.job_id
            WHERE s.name = d.name)
        SELECT s.queue, s.priority, count(*) AS n, count(s.ready_xid) AS ready
        FROM sent AS s
        GROUP BY s.queue, s.priority
    LOOP
        v_fired := v_fired + v_lane.n;
        IF v_lane.ready > 0 THEN
            PERFORM howdah.wake(v_lane.queue, v_lane.priority);
        END IF;
    END LOOP;
    RETURN v_fired;
END
$$;

CREATE OR REPLACE FUNCTION howdah.is_live(p_job uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT EXISTS (SELECT FROM howdah.job AS j WHERE j.id = p_job) $$;


-- run_schedule: sends a job of a schedule now, whatever its ticks, also while it is paused
--
-- Where jobs may not overlap, the answer is the job that has not finished. No row: no schedule.
CREATE OR REPLACE FUNCTION howdah.run_schedule(p_name text) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v         howdah.schedule;
    v_receipt record;
BEGIN
    SELECT s.* INTO v FROM howdah.schedule AS s WHERE s.name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v.overlap = 'skip' AND howdah.is_live(v.last_job_id) THEN
        RETURN QUERY SELECT v.last_job_id, false;
        RETURN;
    END IF;
    SELECT r.id, r.created INTO v_receipt
    FROM howdah.send_receipt(v.queue, v.task, v.args, v.options || '{"new_id": true}') AS r;
    UPDATE howdah.schedule AS s SET last_job_id = v_receipt.id WHERE s.name = p_name;
    RETURN QUERY SELECT v_receipt.id, v_receipt.created;
END
$$;
