-- bury: a failed or expired job also leaves a copy in the queue that it names
--
-- In the transaction that ends the job, which the archive holds by now. The copy is a job of its
-- own: another id, all attempts, no key (that is free for the next job now), and no dead letter
-- queue. It is stored whatever that queue says: its policy and its `max_waiting` turn senders away,
-- and here is none that could send again. `source` says where it came from, with what it needs to go back there.
CREATE OR REPLACE FUNCTION howdah.bury(p_ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_lane record;
BEGIN
    FOR v_lane IN
        WITH copies AS (
            INSERT INTO howdah.job (id, queue, task, priority, args, tags, retry, expire_in,
                                    retention, errors, ready_xid, scheduled_for, source)
            SELECT howdah.uuid7(), a.dead_letter, a.task, a.priority, a.args, a.tags, a.retry,
                   a.expire_in, a.retention, a.errors, pg_current_xact_id(), a.scheduled_for,
                   jsonb_strip_nulls(jsonb_build_object(
                       'id', a.id, 'queue', a.queue, 'task', a.task, 'state', a.state,
                       'created_at', a.created_at, 'attempts', a.attempt, 'key', a.key,
                       'line', a.line, 'limits', a.limits, 'policy', a.policy,
                       'sending', a.sending))
            FROM howdah.archive AS a
            WHERE a.id = ANY (p_ids)
            ORDER BY a.id
            RETURNING queue, priority)
        SELECT DISTINCT c.queue, c.priority FROM copies AS c
    LOOP
        PERFORM howdah.wake(v_lane.queue, v_lane.priority);
    END LOOP;
END
$$;

-- The dead letters that wait in a queue and fit a filter of howdah.find, as the words of a WHERE.
--
-- A dead letter has no key of its own: a filter by key means the one that it had, and has again when
-- it goes back. It was made when its job finished, so it is asked for that as for its making.
CREATE OR REPLACE FUNCTION howdah.letters_fitting(p_queue text, p_filter jsonb, p_ids uuid[])
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' AND ',
        format('v.queue = %L', p_queue),
        'v.source IS NOT NULL',
        'v.state IN (''created'', ''retry'')',
        'v.id = ANY (' || quote_literal(p_ids) || '::uuid[])',
        'v.source ->> ''key'' = ' || quote_literal(f.own ->> 'key'),
        howdah.fitting(jsonb_strip_nulls(jsonb_build_object(
            'created_after', f.own -> 'finished_after',
            'created_before', f.own -> 'finished_before'))),
        -- What is no object is left to it to refuse.
        howdah.fitting(CASE WHEN f.own IS NULL THEN p_filter
                            ELSE f.own - '{key,finished_after,finished_before}'::text[] END))
    FROM (SELECT CASE jsonb_typeof(p_filter) WHEN 'object' THEN p_filter END AS own) AS f
$$;

-- Their ids.
CREATE OR REPLACE FUNCTION howdah.find_letters(
    p_queue text, p_filter jsonb DEFAULT '{}', p_ids uuid[] DEFAULT NULL
) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.id FROM %I.job AS v WHERE %s', __schema__,
                                howdah.letters_fitting(p_queue, p_filter, p_ids));
END
$$;

-- redrive: created, retry -> created, in the queue that it came from
--
-- Moves dead letters that wait in a queue, fit p_filter and are among p_ids back to where they came
-- from, or to p_destination, the oldest first, after p_after, at most p_limit. Each has all its
-- attempts again, its key and its turn there, and this queue as its dead letter queue. Answers with
-- how many were moved, how many were kept since another live job stands in their way, and the last
-- one looked at: null when there was none.
DROP FUNCTION IF EXISTS howdah.redrive(text, int, text, uuid);
CREATE OR REPLACE FUNCTION howdah.redrive(
    p_queue text, p_limit int DEFAULT 1000, p_destination text DEFAULT NULL,
    p_after uuid DEFAULT NULL, p_filter jsonb DEFAULT '{}', p_ids uuid[] DEFAULT NULL
) RETURNS TABLE (moved bigint, kept bigint, last uuid)
LANGUAGE plpgsql VOLATILE
SET jit = off
AS $$
DECLARE
    v_job  record;
    v_lane record;
BEGIN
    moved := 0;
    kept := 0;
    FOR v_job IN EXECUTE format(
        'SELECT v.id, v.source FROM %I.job AS v WHERE %s AND v.id > %L ORDER BY v.id LIMIT %s'
        ' FOR UPDATE SKIP LOCKED',
        __schema__, howdah.letters_fitting(p_queue, p_filter, p_ids),
        coalesce(p_after, '00000000-0000-0000-0000-000000000000'), coalesce(p_limit::text, 'ALL'))
    LOOP
        last := v_job.id;
        BEGIN
            UPDATE howdah.job AS j
            SET queue       = coalesce(p_destination, j.source ->> 'queue'),
                state       = 'created',
                attempt     = 0,
                crash_count = 0,
                start_after = NULL,
                ready_xid   = CASE WHEN j.held IS NULL THEN pg_current_xact_id() END,
                key         = j.source ->> 'key',
                line        = j.source ->> 'line',
                limits      = CASE WHEN j.source ? 'limits'
                                   THEN ARRAY(SELECT jsonb_array_elements_text(j.source -> 'limits')) END,
                policy      = CASE WHEN p_destination IS NULL THEN j.source ->> 'policy' END,
                sending     = CASE WHEN p_destination IS NULL
                                    AND j.source ->> 'policy' IN ('key_strict_fifo', 'stately')
                                   THEN coalesce((j.source ->> 'sending')::bigint, 0) END,
                dead_letter = p_queue,
                source      = NULL
            WHERE j.id = v_job.id
            RETURNING j.queue, j.priority, j.line, j.limits, j.policy, j.sending INTO v_lane;
            moved := moved + 1;
            -- It is the retry of the one that failed: were that still in its way, it would never run.
            IF v_lane.policy = 'key_strict_fifo' THEN
                PERFORM howdah.unblock_key(
                    v_lane.queue, v_lane.line, (v_job.source ->> 'id')::uuid);
            END IF;
            IF v_lane.line IS NOT NULL THEN
                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, v_lane.limits,
                                       ARRAY[v_lane.line]);
            END IF;
            IF v_lane.sending IS NOT NULL THEN
                PERFORM howdah.hold_head(v_lane.queue, v_lane.line, v_lane.sending);
            END IF;
            PERFORM howdah.wake(v_lane.queue, v_lane.priority);
        EXCEPTION WHEN unique_violation THEN
            kept := kept + 1;
        END;
    END LOOP;
    RETURN NEXT;
END
$$;
