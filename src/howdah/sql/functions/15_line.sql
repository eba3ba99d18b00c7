-- line_of, line_up, next_lines, move_lines: which lines there are, and where in each to look
--
-- Jobs with a group, limits or a policy by key stand in lines: functions/16_claim_line tells how they
-- are claimed.

-- The line of a job that is sent.
CREATE OR REPLACE FUNCTION howdah.line_of(
    p_policy text, p_key text, p_group text, p_limits text[]
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_policy IN ('singleton', 'stately', 'key_strict_fifo') THEN coalesce(p_key, '')
                WHEN p_group IS NOT NULL OR p_limits IS NOT NULL
                -- A group alone has no bar, so none shares a line with a limit of its name.
                THEN coalesce(p_group, '') || coalesce('|' || array_to_string(p_limits, '|'), '') END
$$;

-- Makes known that a lane has these lines, and which queues a quota holds up. Until the caller has
-- committed, nobody may forget the lines. For whoever makes jobs of them claimable.
--
-- A new line begins where move_lines would move it to: those who may yet make a job of it claimable
-- under a lower number are in progress now, and so among the late.
DROP FUNCTION IF EXISTS howdah.line_up(text, smallint, text[]);
CREATE OR REPLACE FUNCTION howdah.line_up(
    p_queue text, p_priority smallint, p_limits text[], p_lines text[]
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_known text[];
BEGIN
    IF NOT EXISTS (SELECT FROM howdah.lane AS l
                   WHERE l.queue = p_queue AND l.priority = p_priority AND l.lined) THEN
        INSERT INTO howdah.lane (queue, priority, lined) VALUES (p_queue, p_priority, true);
    END IF;
    -- In an old snapshot a row that was forgotten since cannot be told from one that is there.
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        SELECT array_agg(k.line) INTO v_known
        FROM unnest(p_lines) AS w (line)
        -- Each by its name: as a join it may become a walk of all lines of the lane.
        CROSS JOIN LATERAL (
            SELECT l.line
            FROM howdah.line AS l
            WHERE l.queue = p_queue AND l.priority = p_priority AND l.line = w.line COLLATE "C"
            OFFSET 0
            FOR KEY SHARE) AS k;
    END IF;
    IF v_known IS NULL OR NOT p_lines <@ v_known THEN
        INSERT INTO howdah.line (queue, priority, line, pos_xid, late)
        SELECT p_queue, p_priority, n.line, s.x,
               ARRAY(SELECT o.x FROM pg_snapshot_xip(s.now) AS o (x) WHERE o.x < s.x)
        FROM (SELECT w.line FROM unnest(p_lines) AS w (line)
              EXCEPT
              SELECT k.line FROM unnest(v_known) AS k (line)) AS n
        CROSS JOIN (
            SELECT c.now, least(pg_current_xact_id(), pg_snapshot_xmax(c.now)) AS x
            FROM (SELECT pg_current_snapshot() AS now) AS c) AS s;
    END IF;
    IF p_limits IS NOT NULL THEN
        INSERT INTO howdah.quota_queue (name, queue)
        SELECT DISTINCT howdah.quota_of(e), p_queue
        FROM unnest(p_limits) AS e
        WHERE NOT EXISTS (SELECT FROM howdah.quota_queue AS q
                          WHERE q.name = howdah.quota_of(e) AND q.queue = p_queue);
    END IF;
END
$$;

-- Some line of a lane, for whoever does not remember which was served last.
CREATE OR REPLACE FUNCTION howdah.any_line(p_queue text, p_priority smallint) RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT l.line FROM howdah.line AS l
    WHERE l.queue = p_queue AND l.priority = p_priority
    ORDER BY l.line
    OFFSET floor(random() * (SELECT count(*) FROM (
        SELECT FROM howdah.line AS c
        WHERE c.queue = p_queue AND c.priority = p_priority LIMIT 1000) AS n))
    LIMIT 1
$$;

-- Whether a line has a claimable job, at its position or later or by one of its late transactions; or
-- may have, since its position is one of another cluster (see renew_lines).
CREATE OR REPLACE FUNCTION howdah.is_claimable(
    p_queue text, p_priority smallint, p_line text, p_xid xid8, p_id uuid, p_late xid8[]
) RETURNS boolean
LANGUAGE sql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
    SELECT EXISTS (
               SELECT FROM howdah.job AS j
               WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = p_line
                 AND j.ready_xid IS NOT NULL AND (j.ready_xid, j.id) >= (p_xid, p_id))
        OR EXISTS (
               SELECT FROM unnest(p_late) AS s (x)
               CROSS JOIN LATERAL (
                   SELECT FROM howdah.job AS j
                   WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = p_line
                     AND j.ready_xid = s.x
                   LIMIT 1) AS f)
        OR (SELECT p_xid > pg_snapshot_xmax(n.s) FROM (SELECT pg_current_snapshot() AS s) AS n)
$$;

-- Forgets those of these rows that nobody holds and of whose line nothing is claimable.
CREATE OR REPLACE FUNCTION howdah.forget_idle(p_rows tid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_rows  tid[];
    v_count bigint;
BEGIN
    v_rows := ARRAY(
        SELECT l.ctid FROM howdah.line AS l WHERE l.ctid = ANY (p_rows) FOR UPDATE SKIP LOCKED);
    -- In a later snapshot than the locks: whoever makes a job claimable has either committed, or
    -- waits for them and makes the line known anew.
    DELETE FROM howdah.line AS l
    WHERE l.ctid = ANY (v_rows)
      AND NOT howdah.is_claimable(l.queue, l.priority, l.line, l.pos_xid, l.pos_id, l.late);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- Begins anew in lines that were restored from another cluster, whose transactions had come further:
-- such a position hides what is sent here. Before a worker claims, which would move it.
CREATE OR REPLACE FUNCTION howdah.renew_lines() RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE howdah.line AS l
    SET pos_xid = '0', late = '{}'
    FROM (SELECT pg_current_snapshot() AS s) AS n
    WHERE l.pos_xid > pg_snapshot_xmax(n.s)
$$;

-- Forgets lines of which nothing is claimable: those that nobody used for a while, of all lanes.
-- Answers with how many.
CREATE OR REPLACE FUNCTION howdah.forget_lines(p_limit int) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    SELECT howdah.forget_idle(ARRAY(
        SELECT l.ctid FROM howdah.line AS l
        WHERE l.used_at < howdah.now() - interval '5 minutes'
        LIMIT p_limit))
$$;

-- The same, of p_most lines of a lane after p_after, for a claimer, who looks at each line on its
-- way: very many keys that have nothing to do would hold up those that have. A few are kept, since a
-- line that comes back leaves a dead row behind an old snapshot. Not by who claims by hand: senders
-- wait for who forgets their line, and that transaction may be long.
CREATE OR REPLACE FUNCTION howdah.rest_lines(
    p_worker bigint, p_queue text, p_priority smallint, p_after text, p_most int
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_idle tid[];
BEGIN
    v_idle := ARRAY(
        SELECT l.ctid
        FROM (SELECT k.ctid, k.line, k.pos_xid, k.pos_id, k.late
              FROM howdah.line AS k
              WHERE k.queue = p_queue AND k.priority = p_priority AND k.line > coalesce(p_after, '')
              ORDER BY k.line
              LIMIT p_most) AS l
        WHERE NOT howdah.is_claimable(p_queue, p_priority, l.line, l.pos_xid, l.pos_id, l.late));
    IF cardinality(v_idle) > 100 THEN
        -- Whoever releases this worker makes lines known that are locked here, while the claim would
        -- wait for it in the end.
        PERFORM FROM howdah.worker AS w
        WHERE w.id = p_worker AND w.by_hand IS NULL
        FOR KEY SHARE SKIP LOCKED;
        IF FOUND THEN
            RETURN howdah.forget_idle(v_idle);
        END IF;
    END IF;
    RETURN 0;
END
$$;

-- An entry of job.limits is 'name', 'name:key' or 'name/tier:key'.
CREATE OR REPLACE FUNCTION howdah.quota_of(p_entry text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT split_part(split_part(p_entry, ':', 1), '/', 1) $$;

CREATE OR REPLACE FUNCTION howdah.tier_of(p_entry text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT split_part(split_part(p_entry, ':', 1), '/', 2) $$;

CREATE OR REPLACE FUNCTION howdah.key_of(p_entry text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN position(':' IN p_entry) > 0
                  THEN substr(p_entry, position(':' IN p_entry) + 1) ELSE '' END $$;

-- The next lines of a lane that have a claimable job: those after p_after, then from the first; and
-- of them from where on to look, how often their rows were moved, which quotas the job that is first
-- in any of them draws from, and whether any may only run alone. The late transactions are those of
-- all of them.
DROP FUNCTION IF EXISTS howdah.next_lines(text, smallint, text, int);
CREATE FUNCTION howdah.next_lines(
    p_queue text, p_priority smallint, p_after text, p_most int
) RETURNS TABLE (
    lines text[], xids xid8[], ids uuid[], moves int[], late xid8[], names text[], alone boolean
)
LANGUAGE sql STABLE
AS $$
    WITH later AS MATERIALIZED (
        SELECT l.line, l.moves, l.late, 1 AS half,
               coalesce(h.ready_xid, l.pos_xid) AS from_xid, coalesce(h.id, l.pos_id) AS from_id,
               h.limits, h.policy
        FROM howdah.line AS l
        CROSS JOIN LATERAL (
            SELECT u.*
            FROM (SELECT NULL::xid8 AS ready_xid, NULL::uuid AS id, f.limits, f.policy
                  FROM unnest(l.late) AS s (x)
                  CROSS JOIN LATERAL (
                      SELECT j.limits, j.policy FROM howdah.job AS j
                      WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                        AND j.ready_xid = s.x
                      LIMIT 1) AS f
                  UNION ALL
                  SELECT f.*
                  FROM (SELECT j.ready_xid, j.id, j.limits, j.policy FROM howdah.job AS j
                        WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                          AND j.ready_xid IS NOT NULL
                          AND (j.ready_xid, j.id) >= (l.pos_xid, l.pos_id)
                        ORDER BY j.ready_xid, j.id
                        LIMIT 1) AS f) AS u
            LIMIT 1) AS h
        WHERE l.queue = p_queue AND l.priority = p_priority
          AND l.line > p_after
        ORDER BY l.line
        LIMIT p_most),
    sooner AS MATERIALIZED (
        SELECT l.line, l.moves, l.late, 2 AS half,
               coalesce(h.ready_xid, l.pos_xid) AS from_xid, coalesce(h.id, l.pos_id) AS from_id,
               h.limits, h.policy
        FROM howdah.line AS l
        CROSS JOIN LATERAL (
            SELECT u.*
            FROM (SELECT NULL::xid8 AS ready_xid, NULL::uuid AS id, f.limits, f.policy
                  FROM unnest(l.late) AS s (x)
                  CROSS JOIN LATERAL (
                      SELECT j.limits, j.policy FROM howdah.job AS j
                      WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                        AND j.ready_xid = s.x
                      LIMIT 1) AS f
                  UNION ALL
                  SELECT f.*
                  FROM (SELECT j.ready_xid, j.id, j.limits, j.policy FROM howdah.job AS j
                        WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                          AND j.ready_xid IS NOT NULL
                          AND (j.ready_xid, j.id) >= (l.pos_xid, l.pos_id)
                        ORDER BY j.ready_xid, j.id
                        LIMIT 1) AS f) AS u
            LIMIT 1) AS h
        WHERE l.queue = p_queue AND l.priority = p_priority
          AND (p_after IS NULL OR l.line <= p_after)
        ORDER BY l.line
        LIMIT p_most - (SELECT count(*) FROM later AS c)),
    halves AS MATERIALIZED (
        SELECT * FROM later AS l UNION ALL SELECT * FROM sooner AS e),
    -- Two first senders may have left a line twice, each with a position of its own.
    found AS MATERIALIZED (
        SELECT DISTINCT ON (b.half, b.line) b.*
        FROM halves AS b
        ORDER BY b.half, b.line, b.from_xid, b.from_id)
    SELECT array_agg(f.line ORDER BY f.half, f.line),
           array_agg(f.from_xid ORDER BY f.half, f.line),
           array_agg(f.from_id ORDER BY f.half, f.line),
           array_agg(f.moves ORDER BY f.half, f.line),
           coalesce((SELECT array_agg(DISTINCT e.xid) FROM halves AS x, unnest(x.late) AS e (xid)), '{}'),
           (SELECT array_agg(DISTINCT howdah.quota_of(e.entry))
            FROM (SELECT x.limits FROM found AS x
                  UNION ALL
                  -- Of an ordered policy the one that was sent first may be another.
                  SELECT o.limits
                  FROM found AS x
                  CROSS JOIN LATERAL (
                      SELECT coalesce(min(k.sent_from), 0) AS sent_from
                      FROM howdah.line_head AS k
                      WHERE x.policy IN ('key_strict_fifo', 'stately')
                        AND k.queue = p_queue AND k.line = x.line) AS a
                  CROSS JOIN LATERAL (
                      SELECT j.limits FROM howdah.job AS j
                      WHERE x.policy IN ('key_strict_fifo', 'stately')
                        AND j.queue = p_queue AND j.line = x.line AND j.sending >= a.sent_from
                        AND j.policy IN ('key_strict_fifo', 'stately')
                      ORDER BY j.sending, j.id
                      LIMIT 1) AS o) AS d,
                 unnest(d.limits) AS e (entry)),
           bool_or(f.policy IN ('singleton', 'stately', 'key_strict_fifo'))
    FROM found AS f
$$;

-- Moves the positions of lines on, after p_taken jobs of them were claimed.
--
-- The position becomes that of the first visible job at or after the last one, or the next
-- transaction's, or this one's, which may send more, with lower ids even; the late are those in progress below it, and
-- those that still have jobs. All is seen in one snapshot: functions/04_claim says why that holds.
--
-- By chance: every move leaves a dead version of the line's row behind an old snapshot, and every
-- job that was claimed a dead entry past the position, and either is walked by each look. The two
-- grow alike where a line moves once in as many jobs as it has moved before. At most 200: without an
-- old snapshot both are cleared away all the time.
CREATE OR REPLACE FUNCTION howdah.move_lines(
    p_queue text, p_priority smallint, p_lines text[], p_moves int[], p_taken bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT u.line
        FROM unnest(p_lines, p_moves) AS u (line, moves)
        WHERE random() < p_taken::float8 / cardinality(p_lines) / (u.moves + 1)),
    seen AS MATERIALIZED (
        SELECT r.t, r.late, d.line, f.x, f.id, pg_current_snapshot() AS s
        FROM due AS d
        CROSS JOIN LATERAL (
            SELECT k.ctid AS t, k.pos_xid, k.pos_id, k.late
            FROM howdah.line AS k
            WHERE k.queue = p_queue AND k.priority = p_priority AND k.line = d.line
            FOR NO KEY UPDATE SKIP LOCKED) AS r
        LEFT JOIN LATERAL (
            SELECT j.ready_xid AS x, j.id
            FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = d.line
              AND j.ready_xid IS NOT NULL AND (j.ready_xid, j.id) >= (r.pos_xid, r.pos_id)
            ORDER BY j.ready_xid, j.id
            LIMIT 1) AS f ON true)
    UPDATE howdah.line AS l
    SET pos_xid = n.x,
        pos_id  = CASE WHEN n.x = m.x AND n.x IS DISTINCT FROM pg_current_xact_id_if_assigned()
                       THEN m.id ELSE '00000000-0000-0000-0000-000000000000' END,
        late    = ARRAY(SELECT o.x FROM pg_snapshot_xip(m.s) AS o (x) WHERE o.x < n.x
                        UNION
                        SELECT o.x FROM unnest(m.late) AS o (x)
                        CROSS JOIN LATERAL (
                            SELECT FROM howdah.job AS j
                            WHERE j.queue = p_queue AND j.priority = p_priority
                              AND j.line = m.line AND j.ready_xid = o.x
                            LIMIT 1) AS j),
        moves   = least(l.moves + 1, 199),
        used_at = howdah.now()
    FROM seen AS m
    CROSS JOIN LATERAL (
        SELECT least(m.x, pg_snapshot_xmax(m.s), pg_current_xact_id_if_assigned()) AS x) AS n
    WHERE l.ctid = m.t;
END
$$;

-- Whether the job at the head of a line with a policy must wait for another of its line.
DROP FUNCTION IF EXISTS howdah.must_wait(text, text, text);
CREATE OR REPLACE FUNCTION howdah.must_wait(
    p_policy text, p_queue text, p_line text, p_lap bigint
) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
               SELECT FROM howdah.job AS j
               WHERE j.queue = p_queue AND j.line = p_line AND coalesce(j.lap, 0) = p_lap
                 AND j.state = 'active'
                 AND j.policy IN ('singleton', 'stately', 'key_strict_fifo'))
        -- A job of the line has failed, and is neither retried nor deleted yet.
        OR p_policy = 'key_strict_fifo' AND EXISTS (
               SELECT FROM howdah.blocked_key AS b
               WHERE b.queue = p_queue AND b.line = p_line)
$$;
