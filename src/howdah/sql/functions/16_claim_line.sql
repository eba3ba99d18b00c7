-- claim_line: created, retry -> active, of jobs that stand in a line
--
-- Jobs with a group, limits or a policy by key stand in lines: those of one line are claimed in
-- order, and claims go round the lines of a lane, so that a line of 100,000 holds up no other by
-- more than its turn. p_after is the line that the caller was served last; it is the caller's own
-- memory, as hints are.
--
-- A limit is never exceeded, since what runs is counted under a lock: the rows of the quotas that
-- the next lines need are locked first, and whatever counts is read after that, in a later
-- snapshot. Each claim writes its slots before the lock ends; slots go without a lock, which can
-- only make room. A quota that another claimer has locked is passed over: it will be looked at
-- again in a moment, and two claimers of several queues can never wait for each other.
--
-- How many each line gets: its share of p_limit, cut by every pool that it draws from (a limit's
-- total, a limit's key, a rate). Lines that draw from one pool get what those before them may
-- have left: the sum of the shares before is taken for gone, so no pool is overdrawn.
--
-- Where to look. A line's row (line) holds a position and a few late transactions, with the
-- invariant of a worker's hint: see functions/04_claim and move_lines. next_lines finds the first
-- job of each line from there, and the claim looks from that one on. Slots are found in the same
-- manner: from a claim on, and of a few before it that are named in the quota's row.
--
-- Beside jobs it answers with one row whose id is null and whose task is 'line': hint is the line
-- served last, attempt is how many lines were held up at the least, crash_count is 1 when there are
-- more lines than were looked at, and expire_in is in how many seconds the first window of a rate
-- opens.

-- As claim_line, of lines that nothing holds up: groups without limits. Nothing is locked but what
-- is taken.
DROP FUNCTION IF EXISTS howdah.claim_groups(
    text, smallint, int, bigint, text[], xid8[], uuid[], xid8[]);
CREATE OR REPLACE FUNCTION howdah.claim_groups(
    p_queue text, p_priority smallint, p_limit int, p_worker bigint, p_lines text[], p_xids xid8[],
    p_ids uuid[], p_moves int[], p_late xid8[]
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
    v_share bigint := ceil(p_limit::float8 / cardinality(p_lines));
    v_rows  bigint;
    v_now   bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
BEGIN
    RETURN QUERY
    WITH taken AS MATERIALIZED (
        SELECT c.t, l.place
        FROM unnest(p_lines, p_xids, p_ids) WITH ORDINALITY AS l (line, from_xid, from_id, place)
        CROSS JOIN LATERAL (
            SELECT u.t
            FROM (SELECT f.t
                  FROM unnest(p_late) AS s (x)
                  CROSS JOIN LATERAL (
                      SELECT j.ctid AS t FROM howdah.job AS j
                      WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                        AND j.ready_xid = s.x
                        AND (j.ready_xid, j.id) < (l.from_xid, l.from_id)
                        -- Whoever is held up by something is not for here.
                        AND j.limits IS NULL
                        AND (j.policy IN ('singleton', 'stately', 'key_strict_fifo')) IS NOT TRUE
                      ORDER BY j.id
                      LIMIT v_share
                      FOR UPDATE SKIP LOCKED) AS f
                  UNION ALL
                  SELECT f.t
                  FROM (SELECT j.ctid AS t FROM howdah.job AS j
                        WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                          AND j.ready_xid IS NOT NULL
                          AND (j.ready_xid, j.id) >= (l.from_xid, l.from_id)
                          -- Whoever is held up by something is not for here.
                          AND j.limits IS NULL
                          AND (j.policy IN ('singleton', 'stately', 'key_strict_fifo')) IS NOT TRUE
                        ORDER BY j.ready_xid, j.id
                        LIMIT v_share
                        FOR UPDATE SKIP LOCKED) AS f) AS u
            LIMIT v_share) AS c
        LIMIT p_limit),
    claimed AS (
        UPDATE howdah.job AS j
        SET state      = 'active',
            ready_xid  = NULL,
            attempt    = least(j.attempt, 2147483646) + 1,
            fence      = greatest(j.fence + 1, v_now),
            worker_id  = p_worker,
            started_at = howdah.now(),
            expire_at  = howdah.now() + CASE WHEN j.expire_in IS NOT NULL
                                             THEN least(j.expire_in, interval '100 years') END
        WHERE j.ctid = ANY (ARRAY(SELECT t.t FROM taken AS t))
        RETURNING j.id::text, j.fence, j.attempt, j.crash_count, j.queue, j.task, j.priority,
                  j.args::text, j.key, j.tags::text, extract(epoch FROM j.expire_in)::float8,
                  j.retry::text,
                  CASE WHEN coalesce(j.deadline, j.scheduled_for) IS NOT NULL
                       THEN howdah.told(j.deadline, j.scheduled_for) END)
    SELECT NULL::text, NULL::bigint, 0, NULL::smallint, p_queue, 'line', p_priority, NULL::text,
           NULL::text, NULL::text, NULL::float8, NULL::text,
           -- Those that had to stay behind for want of room are first next time.
           p_lines[CASE WHEN (SELECT count(*) FROM taken AS t) < p_limit THEN cardinality(p_lines)
                        ELSE (SELECT max(t.place) FROM taken AS t) END]
    UNION ALL
    SELECT * FROM claimed;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    PERFORM howdah.move_lines(p_queue, p_priority, p_lines, p_moves, v_rows - 1);
END
$$;

CREATE OR REPLACE FUNCTION howdah.claim_line(
    p_queue text, p_priority smallint, p_limit int, p_worker bigint, p_after text
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
    -- A line costs a look, so several jobs of each are taken where many are wanted; where few are,
    -- more lines are looked at than there are places, since some may be held up.
    v_most   int  := least(greatest(p_limit / 4, 50), 200);
    v_after  text := p_after;
    v_lines  text[];
    v_xids   xid8[];
    v_ids    uuid[];
    v_moves  int[];
    v_late   xid8[];
    v_names  text[];
    v_locked text[];
    v_alone  boolean;
    v_share  bigint;
    v_first  text;
    v_is_last boolean;
    v_taking bigint;
    v_chance float8;
    v_rows   bigint;
    v_now    bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
BEGIN
    -- Where very many lines are held up, the next claim goes on from here.
    FOR v_round IN 1..10 LOOP
        SELECT n.lines, n.xids, n.ids, n.moves, n.late, n.names, n.alone
        INTO v_lines, v_xids, v_ids, v_moves, v_late, v_names, v_alone
        FROM howdah.next_lines(p_queue, p_priority, v_after, v_most) AS n;
        IF v_lines IS NULL THEN
            v_is_last := true;
            EXIT;
        END IF;
        v_share := ceil(p_limit::float8 / cardinality(v_lines));
        -- All round: fewer than there may be, or the one that came first comes again.
        v_is_last := cardinality(v_lines) < v_most OR v_first = ANY (v_lines);
        v_first := coalesce(v_first, v_lines[1]);
        IF v_names IS NULL AND v_alone IS NOT TRUE THEN
            RETURN QUERY
            SELECT * FROM howdah.claim_groups(
                p_queue, p_priority, p_limit, p_worker, v_lines, v_xids, v_ids, v_moves,
                v_late);
            GET DIAGNOSTICS v_rows = ROW_COUNT;
            EXIT;
        END IF;
        IF v_alone THEN
            -- Where no worker ever was, nobody has made the row that is to be locked.
            IF NOT EXISTS (SELECT FROM howdah.queue AS q WHERE q.name = p_queue) THEN
                INSERT INTO howdah.queue (name) VALUES (p_queue) ON CONFLICT DO NOTHING;
            END IF;
            PERFORM FROM howdah.queue AS q WHERE q.name = p_queue FOR NO KEY UPDATE SKIP LOCKED;
            v_alone := FOUND;
        END IF;
        v_locked := '{}';
        IF v_names IS NOT NULL THEN
            SELECT array_agg(k.name) INTO v_locked
            FROM (SELECT q.name FROM howdah.quota AS q
                  WHERE q.name = ANY (v_names)
                  ORDER BY q.name
                  FOR NO KEY UPDATE SKIP LOCKED) AS k;
        END IF;
        IF v_alone OR v_locked <> '{}' THEN
            -- Claims are not waited for, but a crash must not bring back a slot whose job runs on.
            EXECUTE 'SET LOCAL synchronous_commit TO DEFAULT';
        END IF;
        v_taking := nextval(format('%I.taking', __schema__)::regclass);
        -- Drawn once: by rows it would name some of the slots that are held, and not the others.
        v_chance := random();
        IF v_alone THEN
            PERFORM howdah.move_heads(p_queue, v_lines, v_taking);
        END IF;
        -- In a later snapshot than the locks.
        RETURN QUERY
        WITH head AS MATERIALIZED (
            SELECT l.place, l.line, l.from_xid, l.from_id, coalesce(f.id, h.id) AS id,
                   CASE WHEN f.id IS NOT NULL THEN f.limits ELSE h.limits END AS limits,
                   h.policy IN ('singleton', 'stately', 'key_strict_fifo') IS TRUE AS alone, a.lap,
                   CASE WHEN h.policy IN ('singleton', 'stately', 'key_strict_fifo')
                        THEN v_alone AND coalesce(f.is_next, true)
                             AND NOT howdah.must_wait(h.policy, p_queue, l.line, coalesce(a.lap, 0))
                        ELSE true END AS may
            FROM unnest(v_lines, v_xids, v_ids) WITH ORDINALITY AS l (line, from_xid, from_id, place)
            CROSS JOIN LATERAL (
                SELECT u.id, u.limits, u.policy
                FROM (SELECT f.id, f.limits, f.policy
                      FROM unnest(v_late) AS s (x)
                      CROSS JOIN LATERAL (
                          SELECT j.id, j.limits, j.policy FROM howdah.job AS j
                          WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                            AND j.ready_xid = s.x
                          ORDER BY j.id
                          LIMIT 1) AS f
                      UNION ALL
                      SELECT f.id, f.limits, f.policy
                      FROM (SELECT j.id, j.limits, j.policy FROM howdah.job AS j
                            WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                              AND j.ready_xid IS NOT NULL
                              AND (j.ready_xid, j.id) >= (l.from_xid, l.from_id)
                            ORDER BY j.ready_xid, j.id
                            LIMIT 1) AS f) AS u
                LIMIT 1) AS h
            -- Read with the jobs: one that comes back moves them.
            CROSS JOIN LATERAL (
                SELECT coalesce(min(k.sent_from), 0) AS sent_from, max(k.lap) AS lap
                FROM howdah.line_head AS k
                WHERE h.policy IN ('singleton', 'stately', 'key_strict_fifo')
                  AND k.queue = p_queue AND k.line = l.line) AS a
            -- Whatever became claimable first: the one that was sent first is next, and the others
            -- wait while it waits for its retry. Of stately jobs no two could wait for one.
            LEFT JOIN LATERAL (
                SELECT j.id, j.limits,
                       j.ready_xid IS NOT NULL AND j.priority = p_priority AS is_next
                FROM howdah.job AS j
                -- The first of these here, not where it is joined: other lines are not looked at.
                WHERE h.policy IN ('key_strict_fifo', 'stately')
                  AND j.queue = p_queue AND j.line = l.line AND j.sending >= a.sent_from
                  AND j.policy IN ('key_strict_fifo', 'stately')
                ORDER BY j.sending, j.id
                LIMIT 1) AS f ON true),
        quota AS MATERIALIZED (
            SELECT q.name, q.slots_from, q.slots_of, (q.settings ->> 'total')::numeric::int AS total,
                   (q.settings ->> 'per_key')::numeric::int AS per_key, q.settings -> 'tiers' AS tiers,
                   CASE WHEN (q.settings ->> 'per') IS NOT NULL
                        THEN (q.settings ->> 'rate')::numeric::int END AS rate,
                   (q.settings ->> 'per')::float8 AS per,
                   CASE WHEN isfinite(q.blocked_until)
                        THEN greatest(extract(epoch FROM q.blocked_until - howdah.now()), 0)
                        WHEN q.blocked_until > howdah.now() THEN 1e9 END::float8 AS blocked
            FROM howdah.quota AS q
            WHERE q.name = ANY (v_locked)),
        -- What each line draws from. An entry whose quota is locked by another, or not known, lets
        -- nothing by.
        draw AS MATERIALIZED (
            SELECT h.place, p.kind, p.name, p.key, p.most, q.blocked
            FROM head AS h
            CROSS JOIN LATERAL unnest(h.limits) AS e (entry)
            LEFT JOIN quota AS q ON q.name = howdah.quota_of(e.entry)
            CROSS JOIN LATERAL (VALUES
                ('total', q.name, '', q.total),
                ('key', q.name, howdah.key_of(e.entry),
                 CASE WHEN howdah.key_of(e.entry) <> ''
                      THEN coalesce((q.tiers ->> howdah.tier_of(e.entry))::numeric::int, q.per_key) END),
                ('rate', q.name, howdah.key_of(e.entry), q.rate),
                ('none', coalesce(q.name, ''), '',
                 CASE WHEN q.name IS NULL OR q.blocked > 0 THEN 0 END)
            ) AS p (kind, name, key, most)
            WHERE p.most IS NOT NULL),
        -- What is held of these quotas: by key, and in all.
        held AS MATERIALIZED (
            SELECT s.name, s.key, count(*) AS n
            FROM quota AS q
            CROSS JOIN LATERAL (
                SELECT k.name, k.key FROM howdah.slot AS k
                WHERE k.name = q.name AND k.taking >= q.slots_from
                UNION ALL
                SELECT k.name, k.key
                FROM unnest(q.slots_of) AS o (x)
                CROSS JOIN LATERAL (
                    -- Each looked up: as a join it may become a walk of all that ever were.
                    SELECT e.name, e.key FROM howdah.slot AS e
                    WHERE e.name = q.name AND e.taking = o.x
                    OFFSET 0) AS k) AS s
            GROUP BY s.name, s.key),
        pool AS MATERIALIZED (
            SELECT d.kind, d.name, d.key, d.most, d.blocked,
                   d.most - CASE d.kind
                       WHEN 'total' THEN (SELECT coalesce(sum(s.n), 0) FROM held AS s
                                          WHERE s.name = d.name)
                       WHEN 'key' THEN (SELECT coalesce(sum(s.n), 0) FROM held AS s
                                        WHERE s.name = d.name AND s.key = d.key)
                       WHEN 'rate' THEN (SELECT coalesce(sum(b.jobs), 0) FROM howdah.begun AS b
                                         WHERE b.name = d.name AND b.key = d.key
                                           AND b.counts_until > howdah.now())
                       ELSE 0 END AS free
            FROM (SELECT DISTINCT r.kind, r.name, r.key, r.most, r.blocked FROM draw AS r) AS d),
        asked AS MATERIALIZED (
            SELECT h.place,
                   CASE WHEN NOT h.may THEN 0
                        WHEN f.free <= 0 THEN 0
                        WHEN h.alone THEN 1
                        WHEN f.free IS NULL THEN v_share
                        -- No more than there are: what is asked for is taken for gone by the others.
                        ELSE (SELECT count(*) FROM (
                                  SELECT FROM howdah.job AS j
                                  WHERE j.queue = p_queue AND j.priority = p_priority
                                    AND j.ready_xid IS NOT NULL AND j.line = h.line
                                    AND (j.ready_xid, j.id) >= (h.from_xid, h.from_id)
                                  LIMIT least(v_share, f.free)) AS c)
                              + (SELECT count(*) FROM unnest(v_late) AS s (x)
                                 CROSS JOIN LATERAL (
                                     SELECT FROM howdah.job AS j
                                     WHERE j.queue = p_queue AND j.priority = p_priority
                                       AND j.line = h.line AND j.ready_xid = s.x
                                     LIMIT least(v_share, f.free)) AS c) END AS n
            FROM head AS h
            LEFT JOIN (
                SELECT d.place, min(p.free) AS free
                FROM draw AS d
                JOIN pool AS p ON p.kind = d.kind AND p.name = d.name AND p.key = d.key
                              AND p.most = d.most
                GROUP BY d.place) AS f ON f.place = h.place),
        share AS MATERIALIZED (
            SELECT h.place, h.line, h.from_xid, h.from_id, h.id, h.limits, h.alone,
                   least(a.n, c.n, greatest(p_limit - coalesce(sum(a.n) OVER earlier, 0), 0))::bigint
                       AS n
            FROM head AS h
            JOIN asked AS a ON a.place = h.place
            LEFT JOIN (
                SELECT x.place, min(greatest(x.free - x.taken, 0)) AS n
                FROM (SELECT d.place, p.free,
                             coalesce(sum(k.n) OVER (
                                 PARTITION BY d.kind, d.name, d.key ORDER BY d.place
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS taken
                      FROM draw AS d
                      JOIN asked AS k ON k.place = d.place
                      JOIN pool AS p ON p.kind = d.kind AND p.name = d.name AND p.key = d.key
                                    AND p.most = d.most) AS x
                GROUP BY x.place) AS c ON c.place = h.place
            WINDOW earlier AS (ORDER BY h.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
        taken AS MATERIALIZED (
            SELECT c.t
            FROM share AS h
            CROSS JOIN LATERAL (
                SELECT u.t
                FROM (SELECT f.t
                      FROM unnest(v_late) AS s (x)
                      CROSS JOIN LATERAL (
                          SELECT j.ctid AS t FROM howdah.job AS j
                          WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = h.line
                            AND j.ready_xid = s.x
                            AND (j.ready_xid, j.id) < (h.from_xid, h.from_id)
                            -- What was counted is what is taken, also where somebody wrote rows by hand; and whoever
                            -- may only run alone is not taken with others.
                            AND j.limits IS NOT DISTINCT FROM h.limits
                            AND (j.policy IN ('singleton', 'stately', 'key_strict_fifo')) IS NOT TRUE
                          ORDER BY j.id
                          LIMIT h.n
                          FOR UPDATE SKIP LOCKED) AS f
                      UNION ALL
                      SELECT f.t
                      FROM (SELECT j.ctid AS t FROM howdah.job AS j
                            WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = h.line
                              AND j.ready_xid IS NOT NULL
                              AND (j.ready_xid, j.id) >= (h.from_xid, h.from_id)
                              -- What was counted is what is taken, also where somebody wrote rows by hand.
                              AND j.limits IS NOT DISTINCT FROM h.limits
                            AND (j.policy IN ('singleton', 'stately', 'key_strict_fifo')) IS NOT TRUE
                            ORDER BY j.ready_xid, j.id
                            LIMIT h.n
                            FOR UPDATE SKIP LOCKED) AS f) AS u
                LIMIT h.n) AS c
            WHERE h.n > 0 AND NOT h.alone
            UNION ALL
            SELECT c.t
            FROM share AS s
            CROSS JOIN LATERAL (
                SELECT j.ctid AS t
                FROM howdah.job AS j
                WHERE j.id = s.id AND j.ready_xid IS NOT NULL
                  AND j.limits IS NOT DISTINCT FROM s.limits
                FOR UPDATE SKIP LOCKED) AS c
            WHERE s.n > 0 AND s.alone),
        claimed AS (
            UPDATE howdah.job AS j
            SET state      = 'active',
                ready_xid  = NULL,
                attempt    = least(j.attempt, 2147483646) + 1,
                fence      = greatest(j.fence + 1, v_now),
                worker_id  = p_worker,
                started_at = howdah.now(),
                expire_at  = howdah.now() + CASE WHEN j.expire_in IS NOT NULL
                                                 THEN least(j.expire_in, interval '100 years') END,
                lap        = CASE WHEN j.policy IN ('singleton', 'stately', 'key_strict_fifo')
                                  THEN (SELECT coalesce(h.lap, 0) FROM head AS h
                                        WHERE h.line = j.line LIMIT 1) END
            WHERE j.ctid = ANY (ARRAY(SELECT t.t FROM taken AS t))
            RETURNING j.*),
        -- Slots that are taken now or later have this number or a higher one.
        looked AS (
            UPDATE howdah.quota AS q
            SET slots_from = v_taking,
                slots_of   = o.takings
            FROM (SELECT x.name,
                         coalesce(array_agg(DISTINCT x.taking) FILTER (WHERE x.taking IS NOT NULL), '{}')
                             AS takings
                  FROM (SELECT k.name, s.taking
                        FROM quota AS k
                        LEFT JOIN LATERAL (
                            SELECT h.taking FROM howdah.slot AS h
                            WHERE h.name = k.name AND h.taking >= k.slots_from
                            UNION ALL
                            SELECT h.taking
                            FROM unnest(k.slots_of) AS u (x)
                            CROSS JOIN LATERAL (
                                SELECT e.taking FROM howdah.slot AS e
                                WHERE e.name = k.name AND e.taking = u.x
                                LIMIT 1) AS h) AS s ON true
                        WHERE v_chance < (SELECT count(*) FROM taken AS t) / 200.0) AS x
                  GROUP BY x.name
                  -- To look for each of very many would cost more than it spares.
                  HAVING count(DISTINCT x.taking) <= 200) AS o
            WHERE q.name = o.name),
        -- No sender makes this row. By chance, since many keys live for a few jobs only.
        heads AS (
            INSERT INTO howdah.line_head (queue, line)
            SELECT c.queue, c.line
            FROM claimed AS c
            JOIN head AS h ON h.line = c.line
            WHERE c.policy = 'singleton' AND h.lap IS NULL AND random() < 0.2),
        slots AS (
            INSERT INTO howdah.slot (job_id, name, key, taking)
            SELECT DISTINCT c.id, q.name, howdah.key_of(e.entry), v_taking
            FROM claimed AS c
            CROSS JOIN LATERAL unnest(c.limits) AS e (entry)
            JOIN quota AS q ON q.name = howdah.quota_of(e.entry)
            ON CONFLICT DO NOTHING),
        begun AS (
            INSERT INTO howdah.begun AS b (name, key, counts_until, jobs)
            SELECT n.name, n.key,
                   -- By the clock: this transaction may have begun a while ago.
                   to_timestamp(ceil((extract(epoch FROM howdah.now() + (clock_timestamp() - now()))::float8
                                      + n.per) / (n.per / 64))
                                * (n.per / 64)),
                   n.jobs
            FROM (SELECT q.name, howdah.key_of(e.entry) AS key, q.per, count(*) AS jobs
                  FROM claimed AS c
                  CROSS JOIN LATERAL unnest(c.limits) AS e (entry)
                  JOIN quota AS q ON q.name = howdah.quota_of(e.entry)
                  WHERE q.rate IS NOT NULL
                  GROUP BY 1, 2, 3) AS n
            ON CONFLICT (name, key, counts_until) DO UPDATE SET jobs = b.jobs + EXCLUDED.jobs)
        SELECT NULL::text, NULL::bigint,
               (SELECT count(*) FROM share AS s WHERE s.n < 1)::int + v_round - 1,
               (NOT v_is_last)::int::smallint, p_queue, 'line', p_priority, NULL::text, NULL::text, NULL::text,
               (SELECT min(CASE p.kind
                           WHEN 'none' THEN nullif(p.blocked, 0)
                           ELSE (SELECT extract(epoch FROM min(b.counts_until) - howdah.now())::float8
                                 FROM howdah.begun AS b
                                 WHERE b.name = p.name AND b.key = p.key
                                   AND b.counts_until > howdah.now()) END)
                FROM pool AS p
                WHERE p.free <= 0 AND p.kind IN ('rate', 'none')),
               NULL::text,
               -- Those that had to stay behind for want of room are first next time.
               CASE WHEN (SELECT sum(s.n) FROM share AS s) >= p_limit
                    THEN (SELECT s.line FROM share AS s WHERE s.n > 0 ORDER BY s.place DESC LIMIT 1)
                    ELSE v_lines[cardinality(v_lines)] END
        -- Once, by the last round.
        WHERE v_round = 10 OR v_is_last OR EXISTS (SELECT FROM claimed AS c)
        UNION ALL
        SELECT c.id::text, c.fence, c.attempt, c.crash_count, c.queue, c.task, c.priority,
               c.args::text, c.key, c.tags::text, extract(epoch FROM c.expire_in)::float8,
               c.retry::text,
               CASE WHEN coalesce(c.deadline, c.scheduled_for) IS NOT NULL
                    THEN howdah.told(c.deadline, c.scheduled_for) END
        FROM claimed AS c;
        GET DIAGNOSTICS v_rows = ROW_COUNT;
        PERFORM howdah.move_lines(p_queue, p_priority, v_lines, v_moves, v_rows - 1);
        v_after := v_lines[cardinality(v_lines)];
        EXIT WHEN v_rows > 1 OR v_is_last;
    END LOOP;
    -- Now and then lines that have nothing to do are put aside; more often where all of the lane were
    -- walked, and where many jobs leave many such lines.
    IF v_is_last AND random() < 0.2
       AND (SELECT count(*) FROM (
                SELECT FROM howdah.line AS l
                WHERE l.queue = p_queue AND l.priority = p_priority
                LIMIT coalesce(cardinality(v_lines), 0) + 101) AS n)
           > coalesce(cardinality(v_lines), 0) + 100 THEN
        PERFORM howdah.rest_lines(p_worker, p_queue, p_priority, NULL, 10000);
    ELSIF NOT v_is_last AND random() < 0.05 + least(v_rows, 1000) / 4000.0 THEN
        PERFORM howdah.rest_lines(p_worker, p_queue, p_priority, v_lines[cardinality(v_lines)], 1000);
    END IF;
END
$$;
