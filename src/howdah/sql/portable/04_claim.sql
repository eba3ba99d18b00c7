-- claim: created, retry -> active
--
-- As functions/04_claim.sql, which tells what it promises, but without hints: each claim looks from
-- the start of the lane, so it walks over what was claimed before and not vacuumed yet. It asks
-- nothing of snapshots and transaction ids, and finds what it locked by its key: not all
-- relatives of PostgreSQL have the place of a row.

DROP FUNCTION IF EXISTS howdah.claim(text[], int, bigint, text);
CREATE OR REPLACE FUNCTION howdah.claim(
    p_queues text[], p_limit int, p_worker bigint, p_hints text, p_served jsonb DEFAULT NULL,
    p_lowest smallint DEFAULT NULL, p_highest smallint DEFAULT NULL
) RETURNS TABLE (
    id text, fence bigint, attempt int, crash_count smallint, queue text, task text,
    priority smallint, args text, key text, tags text, expire_in float8, retry text, hint text
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_mergejoin = off
SET enable_material = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_left  int    := p_limit;
    v_now   bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    v_rows  int;
    v_taken int;
    v_share int;
    v_mixed boolean;
    v_lane  record;
BEGIN
    -- What is counted is counted in a snapshot of after the locks.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cannot claim in a % transaction: what others have just claimed cannot be seen from there',
            current_setting('transaction_isolation')
            USING ERRCODE = 'HW005', DETAIL = '{}', HINT = 'Claim in a READ COMMITTED transaction.';
    END IF;
    FOR v_lane IN
        SELECT l.queue, l.priority, l.lined
        FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
        CROSS JOIN LATERAL (
            SELECT n.queue, n.priority, bool_or(n.lined) AS lined
            FROM howdah.lane AS n
            WHERE n.queue = q.name
              AND n.priority BETWEEN coalesce(p_lowest, -32768) AND coalesce(p_highest, 32767)
            GROUP BY n.queue, n.priority) AS l
        LEFT JOIN howdah.queue AS s ON s.name = q.name
        WHERE s.paused_at IS NULL
          AND coalesce(s.blocked_until <= howdah.now(), true)
        -- Where waiting counts, by the job that has waited longest in each.
        ORDER BY q.place, l.priority + CASE WHEN coalesce(s.override, '{}') ? 'ageing'
                                              OR coalesce(s.code, '{}') ? 'ageing'
            THEN howdah.aged((s.code || s.override) -> 'ageing', l.queue, l.priority,
                             '0'::xid8) ELSE 0 END DESC
    LOOP
        -- Of the lines themselves, not of their jobs: an old snapshot keeps those that are gone.
        v_mixed := v_lane.lined AND EXISTS (
            SELECT FROM howdah.line AS l
            WHERE l.queue = v_lane.queue AND l.priority = v_lane.priority);
        FOR v_turn IN 1..2 LOOP
            -- Half of the room is for plain jobs, the only place by chance; in the second turn they
            -- may have what the lines did not want.
            v_share := CASE WHEN NOT v_mixed OR v_turn = 2 THEN v_left
                            WHEN v_left = 1 THEN (random() < 0.5)::int
                            ELSE v_left / 2 END;
            RETURN QUERY
            WITH taken AS MATERIALIZED (
                SELECT j.id AS t, j.ready_xid AS x
                FROM howdah.job AS j
                WHERE j.queue = v_lane.queue AND j.priority = v_lane.priority
                  AND j.ready_xid IS NOT NULL AND j.line IS NULL
                ORDER BY j.ready_xid, j.id
                LIMIT v_share
                FOR UPDATE SKIP LOCKED),
            claimed AS (
                UPDATE howdah.job AS j
                SET state      = 'active',
                    ready_xid  = NULL,
                    attempt    = least(j.attempt, 2147483646) + 1,
                    fence      = greatest(j.fence + 1, v_now),
                    worker_id  = p_worker,
                    started_at = howdah.now(),
                    -- Whatever was written there by hand must not stop the claims of all.
                    expire_at  = howdah.now() + CASE WHEN j.expire_in IS NOT NULL
                                                     THEN least(j.expire_in, interval '100 years') END
                WHERE j.id = ANY (ARRAY(SELECT t.t FROM taken AS t))
                RETURNING j.id, j.fence, j.attempt, j.crash_count, j.queue, j.task, j.priority,
                          j.args::text AS args, j.key, j.tags::text AS tags,
                          extract(epoch FROM j.expire_in)::float8 AS expire_in,
                          j.retry::text AS retry,
                          CASE WHEN isfinite(j.deadline)
                               THEN extract(epoch FROM j.deadline - howdah.now())::text END AS hint)
            -- In the order of their turns: an update answers in any.
            SELECT c.id::text, c.fence, c.attempt, c.crash_count, c.queue, c.task, c.priority,
                   c.args, c.key, c.tags, c.expire_in, c.retry, c.hint
            FROM claimed AS c
            JOIN taken AS t ON t.t = c.id
            ORDER BY t.x, t.t;
            GET DIAGNOSTICS v_taken = ROW_COUNT;
            v_left := v_left - v_taken;
            EXIT WHEN NOT v_mixed OR v_turn = 2 OR v_left <= 0;
            RETURN QUERY
            SELECT * FROM howdah.claim_line(
                v_lane.queue, v_lane.priority, v_left, p_worker,
                CASE WHEN p_served IS NULL THEN howdah.any_line(v_lane.queue, v_lane.priority)
                     ELSE p_served -> v_lane.queue ->> v_lane.priority::text END);
            GET DIAGNOSTICS v_rows = ROW_COUNT;
            v_left := v_left - greatest(v_rows - 1, 0);
            EXIT WHEN v_taken < v_share OR v_left <= 0;
        END LOOP;
        EXIT WHEN v_left <= 0;
    END LOOP;
    -- A release of this worker that is under way sees nothing of what was just claimed. It either
    -- waits for this lock, and then does; or it came first, and then nothing is claimed.
    IF v_left < p_limit THEN
        PERFORM FROM howdah.worker AS w WHERE w.id = p_worker FOR KEY SHARE;
    ELSE
        PERFORM FROM howdah.worker AS w WHERE w.id = p_worker;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % cannot claim: its lease ran out and its jobs were given back', p_worker
            USING ERRCODE = 'HW007';
    END IF;
END
$$;
