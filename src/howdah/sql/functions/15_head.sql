-- hold_head, move_heads, forget_heads: where to look in lines of which only one job may run
--
-- Such a line asks two questions at each claim: which of its jobs was sent first, and does one run?
-- Behind an old snapshot the answer to either lies beyond all that have been first and have run.
-- line_head says from where on to look.
--
-- sent_from: no job of the line was sent before it. A sender draws its number (job.sending) while it
-- holds a lock on a row of the line, until it has committed; so once a claim gets that row for
-- itself, it sees all that were drawn before, and what is drawn later is higher. Where a line has
-- several rows, each speaks for those who hold it, and the lowest counts.
--
-- lap: what runs in the line runs in this lap. It changes under the lock of the queue's row, as all
-- claims of such lines are made, and only while nothing runs. The highest counts.

-- Keeps the position of a line where it is until the caller has committed: for a sender, before it
-- draws a number; for a job that comes back, with the number that it has, which may be before it.
CREATE OR REPLACE FUNCTION howdah.hold_head(
    p_queue text, p_line text, p_sending bigint DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_is_known boolean := false;
    v_row      tid;
BEGIN
    IF p_sending IS NULL THEN
        -- In an old snapshot a row that was forgotten since cannot be told from one that is there.
        IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
            PERFORM FROM howdah.line_head AS k
            WHERE k.queue = p_queue AND k.line = p_line COLLATE "C"
            LIMIT 1
            FOR KEY SHARE;
            v_is_known := FOUND;
        END IF;
        IF NOT v_is_known THEN
            INSERT INTO howdah.line_head (queue, line, sent_from)
            VALUES (p_queue, p_line, nextval(format('%I.sending', __schema__)::regclass));
        END IF;
        RETURN;
    END IF;
    -- Nobody is waited for: a row of its own says the same.
    SELECT k.ctid INTO v_row
    FROM howdah.line_head AS k
    WHERE k.queue = p_queue AND k.line = p_line COLLATE "C"
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    UPDATE howdah.line_head AS k SET sent_from = least(k.sent_from, p_sending) WHERE k.ctid = v_row;
    IF NOT FOUND THEN
        INSERT INTO howdah.line_head (queue, line, sent_from) VALUES (p_queue, p_line, p_sending);
    END IF;
END
$$;

-- Moves the positions of some of these lines on, and begins a new lap where nothing runs. The caller
-- holds the lock of the queue's row, and calls this in a later snapshot.
--
-- By chance, for the reason that move_lines gives; a little less often, since many keys live for
-- a few jobs only.
CREATE OR REPLACE FUNCTION howdah.move_heads(p_queue text, p_lines text[], p_lap bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_rows  tid[];
    v_free  tid[];
    v_first bigint[];
BEGIN
    v_rows := ARRAY(
        SELECT r.t
        FROM unnest(p_lines) AS l (line)
        CROSS JOIN LATERAL (
            SELECT k.ctid AS t
            FROM howdah.line_head AS k
            WHERE k.queue = p_queue AND k.line = l.line COLLATE "C"
              AND random() < 1.0 / (k.moves + 5)
            FOR NO KEY UPDATE SKIP LOCKED) AS r);
    IF v_rows = '{}' THEN
        RETURN;
    END IF;
    -- Whoever holds a row has drawn a number that is not seen yet. The rows are let go at once, so
    -- that no sender waits for the caller to commit: what is seen now holds for ever.
    BEGIN
        v_free := ARRAY(
            SELECT k.ctid FROM howdah.line_head AS k WHERE k.ctid = ANY (v_rows)
            FOR UPDATE SKIP LOCKED);
        v_first := ARRAY(
            SELECT (SELECT j.sending
                    FROM howdah.job AS j
                    WHERE j.queue = p_queue AND j.line = k.line AND j.sending >= k.sent_from
                      AND j.policy IN ('key_strict_fifo', 'stately')
                    ORDER BY j.sending, j.id
                    LIMIT 1)
            FROM unnest(v_free) WITH ORDINALITY AS f (t, nth)
            JOIN howdah.line_head AS k ON k.ctid = f.t
            ORDER BY f.nth);
        RAISE EXCEPTION USING ERRCODE = 'HW000';
    EXCEPTION WHEN SQLSTATE 'HW000' THEN
    END;
    WITH next AS MATERIALIZED (
        SELECT h.ctid AS t, coalesce(f.first, h.sent_from) AS sent_from,
               CASE WHEN r.id IS NULL THEN p_lap ELSE h.lap END AS lap
        FROM howdah.line_head AS h
        CROSS JOIN LATERAL (
            SELECT max(e.lap) AS lap FROM howdah.line_head AS e
            WHERE e.queue = p_queue AND e.line = h.line) AS o
        LEFT JOIN LATERAL (
            SELECT j.id FROM howdah.job AS j
            WHERE j.queue = p_queue AND j.line = h.line AND coalesce(j.lap, 0) = o.lap
              AND j.state = 'active' AND j.policy IN ('singleton', 'stately', 'key_strict_fifo')
            LIMIT 1) AS r ON true
        LEFT JOIN unnest(v_free, v_first) AS f (t, first) ON f.t = h.ctid
        WHERE h.ctid = ANY (v_rows))
    UPDATE howdah.line_head AS k
    SET sent_from = n.sent_from,
        lap       = n.lap,
        moves     = least(k.moves + 1, 195),
        used_at   = howdah.now()
    FROM next AS n
    WHERE k.ctid = n.t AND (k.sent_from, k.lap) <> (n.sent_from, n.lap);
END
$$;

-- Forgets lines that did not move on for a while and of which nothing is left. Answers with how many.
CREATE OR REPLACE FUNCTION howdah.forget_heads(p_limit int) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_rows   tid[];
    v_queues text[];
    v_count  bigint;
BEGIN
    v_rows := ARRAY(
        SELECT k.ctid FROM howdah.line_head AS k
        WHERE k.used_at < howdah.now() - interval '5 minutes'
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED);
    -- A claim that is under way may have read its lap here.
    v_queues := ARRAY(
        SELECT q.name FROM howdah.queue AS q
        WHERE q.name IN (SELECT k.queue FROM howdah.line_head AS k WHERE k.ctid = ANY (v_rows))
        FOR NO KEY UPDATE SKIP LOCKED);
    -- In a later snapshot than the locks: a sender has either committed, or waits for them.
    DELETE FROM howdah.line_head AS k
    WHERE k.ctid = ANY (v_rows) AND k.queue = ANY (v_queues)
      AND NOT EXISTS (
          SELECT FROM howdah.job AS j
          WHERE j.queue = k.queue AND j.line = k.line AND j.policy IN ('key_strict_fifo', 'stately'))
      AND NOT EXISTS (
          SELECT FROM howdah.job AS j
          WHERE j.queue = k.queue AND j.line = k.line AND j.state = 'active'
            AND j.policy IN ('singleton', 'stately', 'key_strict_fifo'));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
