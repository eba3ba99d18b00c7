-- fire: sends the jobs of ticks that are due, and moves their schedules on
--
-- Each order names schedules, each with the revision from which its caller computed, and says from
-- which next_at: {"schedules": [[name, revision], ...], "expected", "next", "ticks": [...]}, moments
-- as whole seconds since 1970. One schedule may also be named as {"name", "revision", ...}.
-- A schedule that was moved, edited, paused or deleted since is left alone, as is one that another
-- caller is firing. So any number of workers may fire at once: whoever comes first moves it, and
-- a caller that dies moves nothing and sends nothing.
--
-- Thousands may be due in the same second, so all is done in one statement for those with one tick
-- whose job asks nothing of anybody. The others are locked in it and sent one by one.
--
-- The plan is pinned. A schedule is found by its name and by nothing else: with the statistics of a
-- table that was small a while ago the planner reads all that are due for each order. So the look
-- that locks has a limit, which keeps the other conditions out of it, and the update has
-- `= ANY (ARRAY[...])`, for which there is no hash join. Lists of the same jobs are joined by hash:
-- the planner takes each for a single row, and would compare all with all.

CREATE OR REPLACE FUNCTION howdah.fire(p_orders jsonb) RETURNS TABLE (fired bigint, skipped bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_mergejoin = off
SET enable_nestloop = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_fired   bigint;
    v_skipped bigint := 0;
    v_lanes   jsonb;
    v_others  jsonb;
    v         record;
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT coalesce(e.pair ->> 0, o.name) AS name,
               coalesce((e.pair ->> 1)::bigint, o.revision) AS revision,
               to_timestamp(o.expected) AS expected, o.next, o.ticks
        FROM jsonb_to_recordset(p_orders)
            AS o (name text, revision bigint, schedules jsonb, expected bigint, next bigint,
                  ticks bigint[])
        LEFT JOIN LATERAL jsonb_array_elements(o.schedules) AS e (pair) ON true),
    mine AS MATERIALIZED (
        SELECT s.name, s.queue, s.task, s.args, s.options, s.jitter, a.next, a.ticks,
               s.overlap = 'allow' AND cardinality(a.ticks) = 1
               AND jsonb_typeof(s.args) = 'object' AS is_alone
        FROM asked AS a
        CROSS JOIN LATERAL (
            SELECT x.name, x.queue, x.task, x.args, x.options, x.jitter, x.overlap, x.revision,
                   x.next_at, x.paused_at
            FROM howdah.schedule AS x
            WHERE x.name = a.name
            LIMIT 1
            FOR UPDATE SKIP LOCKED) AS s
        WHERE s.revision = a.revision
          AND s.next_at = a.expected
          AND s.paused_at IS NULL),
    -- Many schedules, and few ways in which their jobs are sent.
    kind AS MATERIALIZED (
        SELECT k.queue, k.task, k.options,
               CASE WHEN howdah.asks_nothing(k.task, k.options, k.override)
                    THEN howdah.with_defaults(k.options || '{"new_id": true}', NULL, k.override)
                    END AS said
        FROM (SELECT m.queue, m.task, m.options,
                     (SELECT q.override FROM howdah.queue AS q WHERE q.name = m.queue) AS override
              FROM mine AS m
              GROUP BY m.queue, m.task, m.options) AS k),
    worded AS MATERIALIZED (
        SELECT k.queue, k.task, k.options,
               coalesce((k.said ->> 'priority')::smallint, 0::smallint) AS priority,
               CASE WHEN k.said ? 'tags'
                    THEN ARRAY(SELECT jsonb_array_elements_text(k.said -> 'tags')) END AS tags,
               k.said -> 'retry' AS retry,
               (k.said ->> 'expire_in')::float8 * interval '1 second' AS expire_in,
               (k.said ->> 'retention')::float8 * interval '1 second' AS retention,
               k.said ->> 'dead_letter' AS dead_letter
        FROM kind AS k
        WHERE k.said IS NOT NULL),
    due AS MATERIALIZED (
        SELECT m.name, m.queue, m.task, m.args, m.next, m.ticks,
               CASE WHEN m.is_alone AND w.priority IS NOT NULL THEN howdah.uuid7() END AS job_id,
               to_timestamp(m.ticks[1]) AS tick,
               CASE WHEN m.jitter > 0
                    THEN to_timestamp(m.ticks[1]) + random() * m.jitter * interval '1 second'
                    END AS start_after,
               w.priority, w.tags, w.retry, w.expire_in, w.retention, w.dead_letter
        FROM mine AS m
        LEFT JOIN worded AS w
            ON w.queue = m.queue AND w.task = m.task AND w.options = m.options),
    ticked AS (
        INSERT INTO howdah.tick (nominal, schedule, job_id)
        SELECT d.tick, d.name, d.job_id FROM due AS d
        WHERE d.job_id IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING job_id),
    sent AS (
        INSERT INTO howdah.job (id, queue, task, priority, args, tags, retry, expire_in, retention,
                                start_after, ready_xid, dead_letter, scheduled_for)
        SELECT d.job_id, d.queue, d.task, d.priority, d.args, d.tags, d.retry, d.expire_in,
               d.retention, d.start_after,
               CASE WHEN coalesce(d.start_after <= howdah.now(), true)
                    THEN pg_current_xact_id() END,
               d.dead_letter, d.tick
        FROM due AS d
        JOIN ticked AS t ON t.job_id = d.job_id
        RETURNING queue, priority, ready_xid),
    moved AS (
        UPDATE howdah.schedule AS s
        SET next_at     = to_timestamp(d.next),
            last_tick   = d.tick,
            last_job_id = coalesce(t.job_id, s.last_job_id)
        FROM due AS d
        LEFT JOIN ticked AS t ON t.job_id = d.job_id
        WHERE s.name = ANY (ARRAY[d.name])
          AND d.job_id IS NOT NULL)
    SELECT (SELECT count(*) FROM sent AS s),
           (SELECT jsonb_agg(jsonb_build_object('queue', l.queue, 'priority', l.priority))
            FROM (SELECT DISTINCT s.queue, s.priority FROM sent AS s
                  WHERE s.ready_xid IS NOT NULL) AS l),
           (SELECT jsonb_agg(jsonb_build_object('name', d.name, 'next', d.next, 'ticks', d.ticks))
            FROM due AS d WHERE d.job_id IS NULL)
    INTO v_fired, v_lanes, v_others;
    FOR v IN SELECT l.queue, l.priority
             FROM jsonb_to_recordset(v_lanes) AS l (queue text, priority smallint)
    LOOP
        PERFORM howdah.wake(v.queue, v.priority);
    END LOOP;
    IF v_others IS NOT NULL THEN
        SELECT v_fired + o.fired, o.skipped INTO v_fired, v_skipped
        FROM howdah.fire_each(v_others) AS o;
    END IF;
    RETURN QUERY SELECT v_fired, v_skipped;
END
$$;

-- Whether a job of a schedule can be stored as it is: no key, no line, no limit, no policy, no
-- pause, and nothing to refuse. What raises here would raise in send, and names its schedule then.
DROP FUNCTION IF EXISTS howdah.asks_nothing(text, text, jsonb, jsonb);
CREATE OR REPLACE FUNCTION howdah.asks_nothing(p_task text, p_options jsonb, p_override jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_simple text[] := '{priority,retry,expire_in,tags,retention,dead_letter}';
BEGIN
    IF jsonb_typeof(p_options) <> 'object' OR p_options - v_simple - 'defaults' <> '{}' THEN
        RETURN false;
    END IF;
    IF p_options - 'defaults' <> '{}' THEN
        PERFORM howdah.check_options(p_options);
    END IF;
    RETURN coalesce(p_options -> 'defaults', '{}') - v_simple = '{}'
       AND coalesce(p_override, '{}') - v_simple = '{}'
       AND NOT EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task);
END
$$;

-- Sends the ticks of each of these schedules, which the caller has locked, and moves them on. The
-- settings of the caller hold here too, and in whatever a send does.
DROP FUNCTION IF EXISTS howdah.fire_together(jsonb);
CREATE OR REPLACE FUNCTION howdah.fire_each(p_orders jsonb, OUT fired bigint, OUT skipped bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_nestloop = on
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_job      uuid;
    v_last_job uuid;
    v_tick     timestamptz;
    v          record;
BEGIN
    fired := 0;
    skipped := 0;
    FOR v IN
        SELECT s.name, s.task, s.queue, s.args, s.options, s.jitter, s.overlap, s.last_job_id,
               o.next, o.ticks
        FROM jsonb_to_recordset(p_orders) AS o (name text, next bigint, ticks bigint[])
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
                skipped := skipped + 1;
                CONTINUE;
            END IF;
            v_last_job := howdah.send(
                v.queue, v.task, v.args,
                v.options
                || jsonb_build_object('id', v_job, 'new_id', true, 'scheduled_for', v_tick)
                || CASE WHEN v.jitter > 0
                        THEN jsonb_build_object(
                            'start_after', v_tick + random() * v.jitter * interval '1 second')
                        ELSE '{}' END);
            IF v_last_job <> v_job THEN
                UPDATE howdah.tick SET job_id = v_last_job
                WHERE nominal = v_tick AND schedule = v.name;
            END IF;
            fired := fired + 1;
        END LOOP;
        UPDATE howdah.schedule AS s
        SET next_at     = to_timestamp(v.next),
            last_tick   = coalesce(to_timestamp(v.ticks[cardinality(v.ticks)]), s.last_tick),
            last_job_id = v_last_job
        WHERE s.name = v.name;
    END LOOP;
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
