-- Claiming and settling by hand, for those who write their own loop, in any language.
--
-- Each call of claim_jobs is a worker of its own, with a lease: what is not settled when it has run
-- out is given back, and touch_job extends it. Whatever settles names the fence of the claim, and
-- raises HW001 when that claim is over. The worker's row is locked before the job's, as sweep does:
-- the other way round the two could wait for each other.

CREATE OR REPLACE FUNCTION howdah.say_lost(p_verb text, p_id uuid, p_fence bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RAISE EXCEPTION 'cannot % job %: its claim % is over', p_verb, p_id, p_fence
        USING ERRCODE = 'HW001', DETAIL = jsonb_build_object('job_id', p_id)::text;
END
$$;

-- Ends one claim as p_state says, and answers with the state of the job.
CREATE OR REPLACE FUNCTION howdah.settle(
    p_verb text, p_id uuid, p_fence bigint, p_state text, p_result jsonb, p_error jsonb,
    p_delay float8, p_spent boolean
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_worker  bigint;
    v_applied bigint;
    v_state   text := p_state;
BEGIN
    SELECT w.id INTO v_worker
    FROM howdah.worker AS w
    WHERE w.by_hand IS NOT NULL
      AND w.id = (SELECT j.worker_id FROM howdah.job AS j
                  WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active')
    FOR UPDATE;
    IF p_state = 'retry' THEN
        SELECT p.applied INTO v_applied
        FROM howdah.put_back(ARRAY[p_id], ARRAY[p_fence], ARRAY[p_state], ARRAY[p_delay],
                             ARRAY[p_spent], ARRAY[p_error::text]) AS p;
        -- One that was asked to stop is cancelled instead.
        SELECT coalesce((SELECT j.state FROM howdah.job AS j WHERE j.id = p_id), 'cancelled')
        INTO v_state;
    ELSE
        SELECT f.applied INTO v_applied
        FROM howdah.finish(ARRAY[p_id], ARRAY[p_fence], ARRAY[p_state], ARRAY[p_result::text],
                           ARRAY[p_error::text]) AS f;
    END IF;
    IF v_applied = 0 THEN
        -- Whoever repeats a completion because its answer never came is told the same again.
        IF p_state <> 'completed' OR NOT EXISTS (
            SELECT FROM howdah.archive AS a
            WHERE a.id = p_id AND a.fence = p_fence AND a.state = p_state)
        THEN
            PERFORM howdah.say_lost(p_verb, p_id, p_fence);
        END IF;
        RETURN p_state;
    END IF;
    UPDATE howdah.worker AS w SET by_hand = w.by_hand - 1 WHERE w.id = v_worker;
    DELETE FROM howdah.worker AS w WHERE w.id = v_worker AND w.by_hand <= 0;
    RETURN v_state;
END
$$;

-- Keeps the hints of a claim by hand for the next one, by the chance of move_lines in
-- functions/15_line and for the same reason. Who claims by hand may do more in the same transaction,
-- so a position is never past its own number, nor past any id of it: what is sent next may have a lower one.
CREATE OR REPLACE FUNCTION howdah.keep_hints(p_queue text, p_hints howdah.hint[], p_taken bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_own  xid8 := pg_current_xact_id_if_assigned();
    v_row  tid;
    v_text text;
BEGIN
    SELECT k.ctid,
           (SELECT string_agg(
                       ROW(n.epoch, n.queue, n.priority, least(n.pos_xid, v_own),
                           CASE WHEN n.pos_xid >= v_own THEN '00000000-0000-0000-0000-000000000000'
                                ELSE n.pos_id END,
                           n.late)::howdah.hint::text, E'\x1e')
            FROM (SELECT h.* FROM unnest(p_hints) AS h
                  UNION ALL
                  -- Of lanes that were not looked at, since others had enough.
                  SELECT o.*
                  FROM unnest(string_to_array(k.hints, E'\x1e')::howdah.hint[]) AS o
                  WHERE NOT EXISTS (SELECT FROM unnest(p_hints) AS h
                                    WHERE h.priority = o.priority)) AS n)
    INTO v_row, v_text
    FROM howdah.hand_hint AS k
    WHERE k.queue = p_queue AND random() < p_taken::float8 / (k.moves + 1)
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF v_text IS NOT NULL THEN
        UPDATE howdah.hand_hint AS k SET hints = v_text, moves = least(k.moves + 1, 199)
        WHERE k.ctid = v_row;
    END IF;
END
$$;

-- Forgets hints that serve nobody: of those that two first claimers left, all but the one that was
-- moved on most, and those of queues that are deleted and empty. Answers with how many.
--
-- It waits for nobody, since whoever claims may be in a long transaction of somebody's own, and
-- nobody waits for it, since claims pass over a hint that is locked. A hint that is lost costs the
-- next claim one long look; none is made of two.
CREATE OR REPLACE FUNCTION howdah.forget_hints() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_count bigint;
BEGIN
    DELETE FROM howdah.hand_hint AS d
    WHERE d.ctid = ANY (ARRAY(
        SELECT h.ctid
        FROM howdah.hand_hint AS h
        WHERE EXISTS (
                SELECT FROM howdah.hand_hint AS k
                WHERE k.queue = h.queue AND (k.moves, k.ctid) > (h.moves, h.ctid))
           OR EXISTS (
                SELECT FROM howdah.queue AS q
                WHERE q.name = h.queue AND q.deleted_at IS NOT NULL)
              -- Dead letters are stored in a queue that is deleted, too.
              AND NOT EXISTS (
                SELECT FROM howdah.job AS j
                WHERE j.queue = h.queue AND j.ready_xid IS NOT NULL AND j.line IS NULL)
        FOR UPDATE OF h SKIP LOCKED));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- claim_jobs: created, retry -> active
DROP FUNCTION IF EXISTS howdah.claim_jobs(text, int, float8);
CREATE FUNCTION howdah.claim_jobs(
    p_queue text, p_limit int DEFAULT 1, p_lease float8 DEFAULT 300
) RETURNS TABLE (
    id uuid, fence bigint, attempt int, queue text, task text, priority smallint, args jsonb,
    key text, tags text[], scheduled_for timestamptz
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_worker bigint;
    v_count  int;
    v_hints  text;
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 OR p_lease IS NULL
       OR NOT (p_lease > 0 AND p_lease <= 3153600000) THEN
        RAISE EXCEPTION 'cannot claim % jobs for % s: from 1 to 10000 jobs, for more than 0 s',
            p_limit, p_lease USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version, by_hand)
    VALUES (p_lease * interval '1 second', pg_backend_pid(),
            coalesce(host(inet_client_addr()), 'local'), p_limit, ARRAY[p_queue], 'by hand', 0)
    RETURNING id INTO v_worker;
    SELECT k.hints INTO v_hints FROM howdah.hand_hint AS k WHERE k.queue = p_queue LIMIT 1;
    RETURN QUERY
    WITH claimed AS MATERIALIZED (
        SELECT c.* FROM howdah.claim(ARRAY[p_queue], p_limit, v_worker, v_hints) AS c),
    kept AS MATERIALIZED (
        SELECT howdah.keep_hints(
                   p_queue,
                   array_agg(c.hint::howdah.hint) FILTER (WHERE c.id IS NULL AND c.task IS NULL),
                   count(c.id))
        FROM claimed AS c)
    SELECT c.id::uuid, c.fence, c.attempt, c.queue, c.task, c.priority, c.args::jsonb, c.key,
           c.tags::text[],
           -- What howdah.told says: of a job, the place of the hint holds it.
           to_timestamp(nullif(split_part(c.hint, ' ', 2), '')::float8)
    FROM kept AS k
    JOIN claimed AS c ON c.id IS NOT NULL;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    UPDATE howdah.worker AS w SET by_hand = v_count WHERE w.id = v_worker AND v_count > 0;
    DELETE FROM howdah.worker AS w WHERE w.id = v_worker AND v_count = 0;
    IF v_hints IS NULL AND v_count > 0 THEN
        INSERT INTO howdah.hand_hint (queue, hints) VALUES (p_queue, '');
    END IF;
END
$$;

-- complete_job: active -> completed
CREATE OR REPLACE FUNCTION howdah.complete_job(
    p_id uuid, p_fence bigint, p_result jsonb DEFAULT NULL
) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT howdah.settle('complete', p_id, p_fence, 'completed', p_result, NULL, NULL, true) $$;

-- fail_job: active -> retry while attempts are left and p_retry, else failed
--
-- p_error: a text, or an object with type, message and perhaps traceback. Attempts and delays are
-- those of the job, or the built-in ones.
CREATE OR REPLACE FUNCTION howdah.fail_job(
    p_id uuid, p_fence bigint, p_error jsonb, p_retry boolean DEFAULT true
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_job   record;
    v_delay float8;
    v_error jsonb;
BEGIN
    SELECT j.attempt, j.retry, j.cancel_requested_at IS NOT NULL AS is_cancelled INTO v_job
    FROM howdah.job AS j
    WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active';
    v_delay := CASE WHEN p_retry THEN howdah.next_delay(v_job.retry, v_job.attempt) END;
    v_error := jsonb_build_object(
        'type', coalesce(p_error ->> 'type', 'Failed'),
        'message', coalesce(p_error ->> 'message', p_error #>> '{}', ''),
        'attempt', v_job.attempt, 'at', howdah.now())
        || CASE WHEN p_error ? 'traceback'
                THEN jsonb_build_object('traceback', p_error ->> 'traceback') ELSE '{}' END;
    RETURN howdah.settle(
        'fail', p_id, p_fence,
        CASE WHEN v_job.is_cancelled THEN 'cancelled'
             WHEN v_delay IS NULL THEN 'failed'
             ELSE 'retry' END,
        NULL, v_error, v_delay, true);
END
$$;

-- snooze_job: active -> retry, after p_delay seconds and without counting the attempt
CREATE OR REPLACE FUNCTION howdah.snooze_job(
    p_id uuid, p_fence bigint, p_delay float8
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_delay IS NULL OR NOT (p_delay >= 0 AND p_delay <= 3153600000) THEN
        RAISE EXCEPTION 'cannot snooze job % for % s: from 0 s to 36500 days', p_id, p_delay
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    RETURN howdah.settle('snooze', p_id, p_fence, 'retry', NULL, NULL, p_delay, false);
END
$$;

-- release_job: active -> retry, at once and without counting the attempt
CREATE OR REPLACE FUNCTION howdah.release_job(p_id uuid, p_fence bigint) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT howdah.settle('release', p_id, p_fence, 'retry', NULL, NULL, NULL, false) $$;

-- touch_job: active -> active
--
-- Begins the lease of a claim anew, for all jobs that were claimed together, with another length if
-- p_lease says one. Answers with whether the job is still wanted: false when somebody cancelled it.
CREATE OR REPLACE FUNCTION howdah.touch_job(
    p_id uuid, p_fence bigint, p_lease float8 DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_wanted boolean;
BEGIN
    IF NOT (p_lease > 0 AND p_lease <= 3153600000) THEN
        RAISE EXCEPTION 'cannot touch job % for % s: for more than 0 s', p_id, p_lease
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    UPDATE howdah.worker AS w
    SET beat_at = howdah.now(),
        lease   = coalesce(p_lease * interval '1 second', w.lease)
    FROM howdah.job AS j
    WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active'
      AND w.id = j.worker_id AND w.by_hand IS NOT NULL
    RETURNING j.cancel_requested_at IS NULL INTO v_wanted;
    IF v_wanted IS NULL THEN
        PERFORM howdah.say_lost('touch', p_id, p_fence);
    END IF;
    RETURN v_wanted;
END
$$;

-- progress_job: active -> active, and how far it is, from 0 to 1
CREATE OR REPLACE FUNCTION howdah.progress_job(
    p_id uuid, p_fence bigint, p_share float8, p_note text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE howdah.job AS j
    SET progress = jsonb_strip_nulls(jsonb_build_object(
            'share', p_share, 'at', extract(epoch FROM howdah.now())::float8,
            'note', left(p_note, 500)))
    WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active';
    IF NOT FOUND THEN
        PERFORM howdah.say_lost('report on', p_id, p_fence);
    END IF;
END
$$;

-- Seconds until a job that failed is tried again; null when no attempts are left. What its row does
-- not say is as built in. A row written by hand may hold anything, and must not stop anybody.
CREATE OR REPLACE FUNCTION howdah.next_delay(p_retry jsonb, p_attempt int) RETURNS float8
LANGUAGE sql VOLATILE
AS $$
    SELECT CASE WHEN p_attempt <= r.retries
                THEN least(r.delay_max, r.delay * CASE WHEN r.backoff THEN 2.0 ^ least(p_attempt - 1, 60)
                                                       ELSE 1 END) * (1 - r.jitter * random()) END
    FROM (SELECT
        CASE jsonb_typeof(p_retry -> 'limit') WHEN 'number'
             THEN (p_retry ->> 'limit')::float8 ELSE 3 END AS retries,
        CASE jsonb_typeof(p_retry -> 'delay') WHEN 'number'
             THEN (p_retry ->> 'delay')::float8 ELSE 1 END AS delay,
        CASE jsonb_typeof(p_retry -> 'backoff') WHEN 'boolean'
             THEN (p_retry ->> 'backoff')::boolean ELSE true END AS backoff,
        CASE jsonb_typeof(p_retry -> 'delay_max') WHEN 'number'
             THEN (p_retry ->> 'delay_max')::float8 ELSE 3600 END AS delay_max,
        CASE jsonb_typeof(p_retry -> 'jitter') WHEN 'number'
             THEN least((p_retry ->> 'jitter')::float8, 1) ELSE 0.5 END AS jitter) AS r
$$;

-- What any worker does for all, once: for databases in which none runs. Call it every second or so.
CREATE OR REPLACE FUNCTION howdah.tend() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM howdah.expire_late(1000);
    PERFORM howdah.promote(1000);
    PERFORM howdah.sweep(3);
    PERFORM howdah.expire(interval '10 seconds', 100);
    PERFORM howdah.forget_hints();
END
$$;
