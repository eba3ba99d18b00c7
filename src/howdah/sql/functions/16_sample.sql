-- Samples: what queues are like, kept minute by minute.
--
-- What stands in the tables is counted once a minute by whichever worker comes first. What was run
-- is counted by each worker in memory, and written once a minute: the hot path pays nothing, and a
-- worker that is killed takes the counts of its last minute with it.

-- Counts what stands in each queue, and what ended otherwise than well since the last look; once a
-- minute, however many ask. Answers whoever did it with the queues that are not empty.
-- The minute is that of five seconds ago, so that what ended in the one before it is committed.
DROP FUNCTION IF EXISTS howdah.take_sample(int);
CREATE FUNCTION howdah.take_sample(p_crash_limit int)
RETURNS TABLE (queue text, ready bigint, quarantined bigint, warn_backlog int)
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '100ms'
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_at    timestamptz := date_trunc('minute', howdah.now() - interval '5 seconds');
    v_since timestamptz;
BEGIN
    -- Whoever is not the first need not wait for the one who is.
    BEGIN
        IF EXISTS (SELECT FROM howdah.sample AS s
                   WHERE s.queue = '' AND s.at = v_at AND s.worker_id = 0) THEN
            RETURN;
        END IF;
        INSERT INTO howdah.sample (at, worker_id, queue) VALUES (v_at, 0, '')
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        RETURN;
    END;
    SELECT greatest(max(s.at), v_at - interval '1 hour') INTO v_since
    FROM howdah.sample AS s
    WHERE s.queue = '' AND s.at < v_at AND s.worker_id = 0;

    RETURN QUERY
    WITH live AS (
        SELECT j.queue,
               count(*) FILTER (WHERE j.ready_xid IS NOT NULL) AS ready,
               count(*) FILTER (WHERE j.ready_xid IS NULL
                                  AND j.state IN ('created', 'retry')) AS delayed,
               count(*) FILTER (WHERE j.state = 'active') AS active,
               count(*) FILTER (WHERE j.state = 'waiting') AS waiting,
               extract(epoch FROM howdah.now() - min(greatest(j.created_at, j.start_after))
                                  FILTER (WHERE j.ready_xid IS NOT NULL))::float8 AS oldest
        FROM howdah.job AS j
        GROUP BY j.queue),
    -- Of these there is an index, since they are few.
    ended AS (
        SELECT a.queue,
               count(*) FILTER (WHERE a.state = 'failed') AS failed,
               count(*) FILTER (WHERE a.state = 'expired') AS expired,
               count(*) FILTER (WHERE a.state = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE a.state = 'failed'
                                  AND a.crash_count >= p_crash_limit) AS quarantined
        FROM howdah.archive AS a
        WHERE a.state <> 'completed'
          AND a.finished_at >= coalesce(v_since, v_at - interval '1 minute')
          AND a.finished_at < v_at
        GROUP BY a.queue),
    found AS (
        SELECT coalesce(l.queue, e.queue) AS queue, l.ready, l.delayed, l.active, l.waiting,
               l.oldest, e.failed, e.expired, e.cancelled, e.quarantined
        FROM live AS l
        FULL JOIN ended AS e ON e.queue = l.queue),
    kept AS (
        INSERT INTO howdah.sample (at, worker_id, queue, ready, delayed, active, waiting, oldest,
                                   failed, expired, cancelled)
        SELECT v_at, 0, f.queue, coalesce(f.ready, 0), coalesce(f.delayed, 0),
               coalesce(f.active, 0), coalesce(f.waiting, 0), greatest(f.oldest, 0),
               f.failed, f.expired, f.cancelled
        FROM found AS f
        ON CONFLICT DO NOTHING)
    SELECT f.queue, coalesce(f.ready, 0), coalesce(f.quarantined, 0), q.warn_backlog
    FROM found AS f
    LEFT JOIN howdah.queue AS q ON q.name = f.queue;
END
$$;

-- How long each of these jobs was due before it was claimed, in seconds. Of archived jobs whose first
-- attempt went well: of others it is not known since when they were due.
-- The plan is pinned as in finish: the statistics may be those of an empty table.
CREATE OR REPLACE FUNCTION howdah.latencies(p_ids uuid[]) RETURNS TABLE (id uuid, seconds float8)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.id,
           greatest(extract(epoch FROM a.started_at - greatest(a.created_at, a.start_after)), 0)::float8
    FROM unnest(p_ids) AS i (id)
    CROSS JOIN LATERAL (
        SELECT k.id, k.started_at, k.created_at, k.start_after
        FROM howdah.archive AS k
        WHERE k.id = ANY (ARRAY[i.id]) AND k.attempt = 1 AND k.errors IS NULL AND k.started_at IS NOT NULL
        LIMIT 1) AS a;
END
$$;
