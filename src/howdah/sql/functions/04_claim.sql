-- claim: created, retry -> active
--
-- Claims up to p_limit jobs for a worker, from the queues in the order given and in each from the
-- highest priority down, oldest first. For each lane (queue and priority) it looked at, it also
-- answers with one row whose id is null and whose hint says where to start next time. Of a job the
-- hint is what few jobs have to tell: see told.
--
-- Queues that are paused, or whose handlers were told by a service to come later, are left out, as
-- are priorities out of p_lowest to p_highest. Where jobs stand in lines, these and the plain ones
-- have half of the room each: see functions/16_claim_line. p_served says which line of a queue and
-- priority the caller was served last: {"mail": {"0": "tenant-7"}}.
--
-- Why a hint. Rows that were claimed stay in the index as dead entries while any snapshot older
-- than they is held anywhere in the cluster, and a scan from the start of the index walks all of
-- them, every time: an hour behind a forgotten transaction makes every queue that works so
-- unusable. A hint is a position and a few transaction ids (`late`), with this invariant:
--
--     every claimable row of the lane that exists now or will ever be committed
--     has (ready_xid, id) >= position, or its ready_xid is among the late.
--
-- In ONE snapshot S the statement finds the first visible row at or after the position (also one
-- that another claimer holds), finds which late transactions still have a visible row, locks what
-- it takes, and answers with the next hint: the position min(first, xmax(S)); late are those in
-- progress in S with an id below the position, and those that still have rows. Take any row r
-- that is claimable afterwards. If its transaction was unfinished in S, its xid is >= xmax(S) or
-- it was in progress, so it is late or above the position. If it was finished, r was visible in
-- S, so it was at or after the old position, hence at or after `first`, or it was late and kept.
-- The order of commits does not matter, and no claimer depends on another.
--
-- What the invariant needs from callers: READ COMMITTED, and a transaction of its own (a
-- backend's own xid is not in its own snapshot: a job sent in the same transaction after a claim
-- would be missed). A hint belongs to one run of the server and to one connection: a failover or a
-- crash may bring back a row below the position. `epoch` sees to the former; a server that restarts
-- after one of its processes crashed keeps its epoch, and ends all connections.
--
-- The fence is the time of the claim in microseconds, or one more than the last where that would
-- not be higher. A crash of the server may lose a claim (database/hurry.sql), and the row is then
-- claimed again as if it had never been. A number counted up from the row would be given out twice,
-- and a late write under the lost claim be taken for the new one's; a moment does not come twice.
--
-- The plan is pinned: with the statistics of an empty table the planner chooses scans that are 5
-- to 20 times slower. tests/integration/test_plans.py looks at the plan under wrong statistics.

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
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_epoch timestamptz   := pg_postmaster_start_time();
    v_hints howdah.hint[] := string_to_array(p_hints, E'\x1e')::howdah.hint[];
    v_left  int           := p_limit;
    v_now   bigint        := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    v_rows  int;
    v_taken int;
    v_share int;
    v_mixed boolean;
    v_lane  record;
BEGIN
    -- What is counted is counted in a snapshot of after the locks, and hints are of each statement's.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cannot claim in a % transaction: what others have just claimed cannot be seen from there',
            current_setting('transaction_isolation')
            USING ERRCODE = 'HW005', DETAIL = '{}', HINT = 'Claim in a READ COMMITTED transaction.';
    END IF;
    FOR v_lane IN
        SELECT l.queue, l.priority, l.lined,
               coalesce(h.pos_xid, '0'::xid8) AS pos_xid,
               coalesce(h.pos_id, '00000000-0000-0000-0000-000000000000'::uuid) AS pos_id,
               coalesce(h.late, '{}'::xid8[]) AS late
        FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
        CROSS JOIN LATERAL (
            SELECT n.queue, n.priority, bool_or(n.lined) AS lined
            FROM howdah.lane AS n
            WHERE n.queue = q.name
              AND n.priority BETWEEN coalesce(p_lowest, -32768) AND coalesce(p_highest, 32767)
            GROUP BY n.queue, n.priority) AS l
        LEFT JOIN howdah.queue AS s ON s.name = q.name
        LEFT JOIN unnest(v_hints) AS h
            ON h.queue = l.queue AND h.priority = l.priority AND h.epoch = v_epoch
        WHERE s.paused_at IS NULL
          AND coalesce(s.blocked_until <= howdah.now(), true)
        -- Where waiting counts, by the job that has waited longest in each.
        ORDER BY q.place, l.priority + CASE WHEN coalesce(s.override, '{}') ? 'ageing'
                                              OR coalesce(s.code, '{}') ? 'ageing'
            THEN howdah.aged((s.code || s.override) -> 'ageing', l.queue, l.priority,
                             coalesce(h.pos_xid, '0'::xid8)) ELSE 0 END DESC
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
            WITH snap AS MATERIALIZED (
                SELECT pg_current_snapshot() AS s),
            first AS MATERIALIZED (
                SELECT j.ready_xid AS x, j.id AS i
                FROM howdah.job AS j
                WHERE j.queue = v_lane.queue AND j.priority = v_lane.priority
                  AND j.ready_xid IS NOT NULL AND j.line IS NULL
                  AND (j.ready_xid, j.id) >= (v_lane.pos_xid, v_lane.pos_id)
                ORDER BY j.ready_xid, j.id
                LIMIT 1),
            -- Each late transaction is looked up by an index descent of its own. As `= ANY (array)`
            -- or EXISTS the planner makes it a filter or a join, which walk the whole lane.
            late AS MATERIALIZED (
                SELECT s.x
                FROM unnest(v_lane.late) AS s (x)
                CROSS JOIN LATERAL (
                    SELECT FROM howdah.job AS j
                    WHERE j.queue = v_lane.queue AND j.priority = v_lane.priority
                      AND j.ready_xid = s.x AND j.line IS NULL
                    LIMIT 1) AS j),
            from_late AS MATERIALIZED (
                SELECT c.t
                FROM late AS s
                CROSS JOIN LATERAL (
                    SELECT j.ctid AS t
                    FROM howdah.job AS j
                    WHERE j.queue = v_lane.queue AND j.priority = v_lane.priority
                      AND j.ready_xid = s.x AND j.line IS NULL
                    ORDER BY j.id
                    LIMIT v_share
                    FOR UPDATE SKIP LOCKED) AS c
                LIMIT v_share),
            from_first AS MATERIALIZED (
                SELECT j.ctid AS t
                FROM howdah.job AS j
                WHERE j.queue = v_lane.queue AND j.priority = v_lane.priority
                  AND j.ready_xid IS NOT NULL AND j.line IS NULL
                  AND (j.ready_xid, j.id) >= ((SELECT f.x FROM first AS f), (SELECT f.i FROM first AS f))
                ORDER BY j.ready_xid, j.id
                LIMIT greatest(v_share - (SELECT count(*) FROM from_late), 0)
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
                WHERE j.ctid = ANY (ARRAY(
                    SELECT l.t FROM from_late AS l UNION ALL SELECT f.t FROM from_first AS f))
                RETURNING j.id::text, j.fence, j.attempt, j.crash_count, j.queue, j.task, j.priority,
                          j.args::text, j.key, j.tags::text, extract(epoch FROM j.expire_in)::float8,
                          j.retry::text,
                          CASE WHEN coalesce(j.deadline, j.scheduled_for) IS NOT NULL
                               THEN howdah.told(j.deadline, j.scheduled_for) END),
            position AS (
                SELECT CASE WHEN f.x < pg_snapshot_xmax(n.s) THEN f.x
                            ELSE pg_snapshot_xmax(n.s) END AS x,
                       CASE WHEN f.x < pg_snapshot_xmax(n.s) THEN f.i
                            ELSE '00000000-0000-0000-0000-000000000000'::uuid END AS i,
                       n.s
                FROM snap AS n LEFT JOIN first AS f ON true)
            SELECT NULL::text, NULL::bigint, NULL::int, NULL::smallint, v_lane.queue, NULL::text,
                   v_lane.priority, NULL::text, NULL::text, NULL::text, NULL::float8, NULL::text,
                   ROW(v_epoch, v_lane.queue, v_lane.priority, p.x, p.i,
                       ARRAY(SELECT o.x FROM pg_snapshot_xip(p.s) AS o (x) WHERE o.x < p.x
                             UNION SELECT l.x FROM late AS l))::howdah.hint::text
            FROM position AS p
            UNION ALL
            SELECT * FROM claimed;
            GET DIAGNOSTICS v_taken = ROW_COUNT;
            v_taken := v_taken - 1;
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
