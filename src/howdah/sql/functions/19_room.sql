-- ready_jobs, move_room, keep_room: how full a queue is
--
-- What could run now is counted at each send to a queue with `max_waiting`. Behind an old snapshot
-- the index begins with all that is gone, so the count begins where claims begin as well: for plain
-- jobs at hints as functions/04_claim tells of, which are kept with those of claims by hand; for
-- jobs in lines at the positions of these.

-- Some jobs of a queue that could run now, at most so many of those in a line and of the others.
CREATE OR REPLACE FUNCTION howdah.ready_jobs(p_queue text, p_limit bigint) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_hints howdah.hint[];
BEGIN
    SELECT string_to_array(k.hints, E'\x1e')::howdah.hint[] INTO v_hints
    FROM howdah.hand_hint AS k WHERE k.queue = p_queue LIMIT 1;
    RETURN QUERY
    SELECT u.id
    FROM (SELECT DISTINCT n.priority FROM howdah.lane AS n WHERE n.queue = p_queue) AS l
    LEFT JOIN unnest(v_hints) AS h
        ON h.queue = p_queue AND h.priority = l.priority AND h.epoch = pg_postmaster_start_time()
    CROSS JOIN LATERAL (
        SELECT f.id
        FROM unnest(h.late) AS s (x)
        CROSS JOIN LATERAL (
            SELECT j.id FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.priority = l.priority AND j.ready_xid = s.x
              AND j.line IS NULL AND (j.ready_xid, j.id) < (h.pos_xid, h.pos_id)
            LIMIT p_limit) AS f
        UNION ALL
        SELECT f.id
        FROM (SELECT j.id FROM howdah.job AS j
              WHERE j.queue = p_queue AND j.priority = l.priority AND j.ready_xid IS NOT NULL
                AND j.line IS NULL
                AND (j.ready_xid, j.id) >= (coalesce(h.pos_xid, '0'::xid8),
                                            coalesce(h.pos_id, '00000000-0000-0000-0000-000000000000'))
              ORDER BY j.ready_xid, j.id
              LIMIT p_limit) AS f) AS u
    LIMIT p_limit;
    IF (SELECT count(*) FROM (
            SELECT FROM howdah.line AS l WHERE l.queue = p_queue LIMIT 101) AS n) > 100 THEN
        -- A look into each would cost more than it spares.
        RETURN QUERY
        SELECT j.id FROM howdah.job AS j
        WHERE j.queue = p_queue AND j.ready_xid IS NOT NULL AND j.line IS NOT NULL
        LIMIT p_limit;
        RETURN;
    END IF;
    RETURN QUERY
    -- Two first senders may have left a line twice, each with a position of its own.
    SELECT DISTINCT u.id
    FROM (SELECT k.* FROM howdah.line AS k WHERE k.queue = p_queue OFFSET 0) AS l
    CROSS JOIN LATERAL (
        SELECT f.id
        FROM unnest(l.late) AS s (x)
        CROSS JOIN LATERAL (
            SELECT j.id FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.priority = l.priority AND j.line = l.line
              AND j.ready_xid = s.x AND (j.ready_xid, j.id) < (l.pos_xid, l.pos_id)
            LIMIT p_limit) AS f
        UNION ALL
        SELECT f.id
        FROM (SELECT j.id FROM howdah.job AS j
              WHERE j.queue = p_queue AND j.priority = l.priority AND j.line = l.line
                AND j.ready_xid IS NOT NULL AND (j.ready_xid, j.id) >= (l.pos_xid, l.pos_id)
              ORDER BY j.ready_xid, j.id
              LIMIT p_limit) AS f) AS u
    LIMIT p_limit;
END
$$;

-- Keeps where the next count of plain jobs may begin. All is seen in one snapshot, as in a claim.
CREATE OR REPLACE FUNCTION howdah.move_room(p_queue text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_text  text;
    v_hints howdah.hint[];
BEGIN
    SELECT k.hints INTO v_text FROM howdah.hand_hint AS k WHERE k.queue = p_queue LIMIT 1;
    IF NOT FOUND THEN
        INSERT INTO howdah.hand_hint (queue, hints) VALUES (p_queue, '');
        RETURN;
    END IF;
    WITH snap AS MATERIALIZED (
        SELECT pg_current_snapshot() AS s),
    seen AS MATERIALIZED (
        SELECT l.priority, coalesce(h.late, '{}') AS late, f.x, f.i
        FROM (SELECT DISTINCT n.priority FROM howdah.lane AS n WHERE n.queue = p_queue) AS l
        LEFT JOIN unnest(string_to_array(v_text, E'\x1e')::howdah.hint[]) AS h
            ON h.queue = p_queue AND h.priority = l.priority AND h.epoch = pg_postmaster_start_time()
        LEFT JOIN LATERAL (
            SELECT j.ready_xid AS x, j.id AS i
            FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.priority = l.priority AND j.ready_xid IS NOT NULL
              AND j.line IS NULL
              AND (j.ready_xid, j.id) >= (coalesce(h.pos_xid, '0'::xid8),
                                          coalesce(h.pos_id, '00000000-0000-0000-0000-000000000000'))
            ORDER BY j.ready_xid, j.id
            LIMIT 1) AS f ON true),
    position AS (
        SELECT e.priority, e.late, n.s,
               CASE WHEN e.x < pg_snapshot_xmax(n.s) THEN e.x ELSE pg_snapshot_xmax(n.s) END AS x,
               CASE WHEN e.x < pg_snapshot_xmax(n.s) THEN e.i
                    ELSE '00000000-0000-0000-0000-000000000000' END AS i
        FROM seen AS e CROSS JOIN snap AS n)
    SELECT array_agg(
        ROW(pg_postmaster_start_time(), p_queue, p.priority, p.x, p.i,
            ARRAY(SELECT o.x FROM pg_snapshot_xip(p.s) AS o (x) WHERE o.x < p.x
                  UNION
                  SELECT t.x
                  FROM unnest(p.late) AS t (x)
                  CROSS JOIN LATERAL (
                      SELECT FROM howdah.job AS j
                      WHERE j.queue = p_queue AND j.priority = p.priority AND j.ready_xid = t.x
                        AND j.line IS NULL
                      LIMIT 1) AS j))::howdah.hint)
    INTO v_hints
    FROM position AS p;
    -- It is called once in five sends.
    PERFORM howdah.keep_hints(p_queue, v_hints, 5);
END
$$;

-- Keeps a queue at its `max_waiting` after a job was stored: raises HW009, which undoes the send, or
-- cancels the oldest. What counts is what could run now. The count ends at the limit; senders whose
-- transactions are open at the same time do not see each other's jobs, and none waits for another.
CREATE OR REPLACE FUNCTION howdah.keep_room(p_queue text, p_job uuid, p_options jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_max     bigint := (p_options ->> 'max_waiting')::bigint;
    v_on_full text   := coalesce(p_options ->> 'on_full', 'reject');
    v_waiting bigint;
    v_old     uuid;
BEGIN
    SELECT count(*) INTO v_waiting FROM howdah.ready_jobs(p_queue, v_max + 1);
    IF random() < 0.2 AND current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        PERFORM howdah.move_room(p_queue);
    END IF;
    IF v_waiting <= v_max THEN
        RETURN;
    END IF;
    IF v_on_full <> 'drop_oldest' THEN
        RAISE EXCEPTION 'cannot send to queue %: it is full, % jobs wait there',
            quote_literal(p_queue), v_max
            USING ERRCODE = 'HW009',
                  DETAIL = jsonb_build_object(
                      'queue', p_queue, 'max_waiting', v_max, 'on_full', v_on_full,
                      'full_timeout', p_options -> 'full_timeout')::text,
                  HINT = 'Send again later, or raise its max_waiting.';
    END IF;
    FOR v_old IN
        SELECT j.id
        FROM howdah.job AS j
        WHERE j.id = ANY (ARRAY(
            SELECT k.id
            FROM howdah.ready_jobs(p_queue, 2 * v_max + 2) AS r (id)
            JOIN howdah.job AS k ON k.id = r.id
            WHERE r.id <> p_job
              -- A dead letter is what is left of a job: nobody's send may take it away.
              AND k.source IS NULL
            ORDER BY k.created_at, k.id
            LIMIT v_waiting - v_max))
          AND j.ready_xid IS NOT NULL
        FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM howdah.cancel(v_old, format('dropped: queue %L was full', p_queue));
    END LOOP;
END
$$;
