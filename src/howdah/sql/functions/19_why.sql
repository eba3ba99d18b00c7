-- why: the nearest reason for which each of several jobs does not run
--
-- For lists: the first of what `explain` would say of each, looked up once for all of them, and
-- without how many are ahead. Jobs that run or are over have no row.

CREATE OR REPLACE FUNCTION howdah.why(p_ids uuid[]) RETURNS TABLE (id uuid, kind text, facts jsonb)
LANGUAGE sql STABLE
SET jit = off
SET enable_seqscan = off
AS $$
    WITH idle AS MATERIALIZED (
        SELECT j.id, j.state, j.queue, j.task, j.priority, j.held, j.start_after, j.deadline, j.ready_xid,
               j.limits, j.policy, j.line, j.sending
        FROM howdah.job AS j
        WHERE j.id = ANY (p_ids) AND j.state IN ('created', 'retry', 'waiting')),
    queued AS MATERIALIZED (
        SELECT * FROM idle AS i WHERE i.state <> 'waiting'),
    parents AS (
        SELECT DISTINCT ON (q.id) q.id, jsonb_build_object(
                   'job', d.parent, 'task', v.task, 'state', v.state, 'is_gone', v.state IS NULL,
                   'parents', count(*) OVER (PARTITION BY q.id)) AS facts
        FROM queued AS q
        JOIN howdah.dependency AS d ON d.child = q.id AND NOT d.settled
        LEFT JOIN LATERAL (
            SELECT x.task, x.state FROM howdah.jobs AS x WHERE x.id = d.parent) AS v ON true
        WHERE q.held = 'flow'
        ORDER BY q.id, v.state IS NULL DESC, v.state IN ('failed', 'expired', 'cancelled') DESC, d.parent),
    limits AS (
        SELECT i.entry, i.kind, i.facts
        FROM howdah.limits_in_the_way(ARRAY(
            SELECT DISTINCT e.entry FROM queued AS q CROSS JOIN LATERAL unnest(q.limits) AS e (entry))) AS i),
    -- As explain_policy: who failed and blocks the line, who runs in it, who must run before.
    others AS (
        SELECT q.id, 1 AS place, b.job_id AS other, NULL AS task, 'failed' AS state
        FROM queued AS q
        JOIN howdah.blocked_key AS b ON b.queue = q.queue AND b.line = q.line AND b.job_id <> q.id
        WHERE q.policy = 'key_strict_fifo'
        UNION ALL
        SELECT q.id, 2, o.id, o.task, o.state
        FROM queued AS q
        JOIN howdah.job AS o
          ON o.queue = q.queue AND o.line = q.line
         AND o.state = 'active' AND o.policy IN ('singleton', 'stately', 'key_strict_fifo')
        WHERE q.policy IN ('singleton', 'stately', 'key_strict_fifo')
        UNION ALL
        SELECT q.id, 3, o.id, o.task, o.state
        FROM queued AS q
        CROSS JOIN LATERAL (
            SELECT j.id, j.task, j.state FROM howdah.job AS j
            WHERE j.queue = q.queue AND j.line = q.line AND (j.sending, j.id) < (q.sending, q.id)
              AND j.policy IN ('key_strict_fifo', 'stately')
            ORDER BY j.sending, j.id
            LIMIT 1) AS o
        WHERE q.policy IN ('stately', 'key_strict_fifo')),
    held AS MATERIALIZED (
        SELECT howdah.held_by_workers() AS jobs),
    workers AS (
        SELECT t.queue, t.task, t.priority, w.kind, w.facts
        FROM (SELECT DISTINCT q.queue, q.task, q.priority FROM queued AS q) AS t
        CROSS JOIN LATERAL howdah.explain_workers(
            t.queue, t.task, t.priority, (SELECT h.jobs FROM held AS h)) AS w),
    reasons (id, place, kind, facts) AS (
        SELECT i.id, 1, 'suspended', jsonb_build_object(
            'until', extract(epoch FROM i.start_after),
            'seconds', extract(epoch FROM i.start_after - howdah.now()))
        FROM idle AS i WHERE i.state = 'waiting'
        UNION ALL
        SELECT p.id, 1, 'parent', p.facts FROM parents AS p
        UNION ALL
        SELECT q.id, 1, 'task_paused', jsonb_build_object('task', q.task)
        FROM queued AS q WHERE q.held = 'task'
        UNION ALL
        SELECT q.id, 2, CASE WHEN q.start_after > howdah.now() THEN 'not_due' ELSE 'due' END,
               jsonb_build_object(
                   'until', extract(epoch FROM q.start_after),
                   'seconds', extract(epoch FROM q.start_after - howdah.now()))
        FROM queued AS q
        WHERE q.start_after > howdah.now() OR q.ready_xid IS NULL AND q.held IS NULL
        UNION ALL
        SELECT q.id, 3, 'too_late', '{}' FROM queued AS q WHERE q.deadline <= howdah.now()
        UNION ALL
        SELECT q.id, 4, e.kind, e.facts
        FROM (SELECT DISTINCT q.queue FROM queued AS q) AS s
        CROSS JOIN LATERAL howdah.explain_queue(s.queue) AS e
        JOIN queued AS q ON q.queue = s.queue
        UNION ALL
        SELECT q.id, 5, l.kind, l.facts
        FROM queued AS q JOIN limits AS l ON l.entry = ANY (q.limits)
        UNION ALL
        SELECT o.id, 5 + o.place, 'policy', jsonb_build_object(
            'policy', q.policy, 'line', q.line, 'job', o.other, 'task', o.task, 'state', o.state)
        FROM others AS o JOIN queued AS q ON q.id = o.id
        UNION ALL
        SELECT q.id, 9, w.kind, w.facts
        FROM queued AS q JOIN workers AS w
          ON w.queue = q.queue AND w.task = q.task AND w.priority = q.priority
        UNION ALL
        SELECT q.id, 10, 'turn', '{}' FROM queued AS q WHERE q.ready_xid IS NOT NULL)
    SELECT DISTINCT ON (r.id) r.id, r.kind, r.facts
    FROM reasons AS r
    ORDER BY r.id, r.place, array_position(
        '{queue_paused,queue_blocked,limit_unknown,limit_blocked,limit_full,rate_full}', r.kind)
$$;
