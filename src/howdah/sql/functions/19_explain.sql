-- explain: why a job does not run, or that it does
--
-- Each row is a reason: its kind, and the facts. Moments are seconds since 1970, spans are seconds.
-- STABLE is a promise here: everything is read in the snapshot of the statement that calls this, so
-- it is one picture, and a job is never said to wait for a slot that nobody holds. No row means that
-- there is no such job.

-- Who holds slots of a limit, or of one of its keys: the first ten.
CREATE OR REPLACE FUNCTION howdah.holders_of(p_name text, p_key text) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'job', h.id, 'task', h.task, 'queue', h.queue, 'worker', h.worker_id,
               'since', extract(epoch FROM h.started_at)) ORDER BY h.started_at, h.id), '[]')
    FROM (SELECT j.id, j.task, j.queue, j.worker_id, j.started_at
          FROM howdah.slot AS s
          JOIN howdah.job AS j ON j.id = s.job_id
          WHERE s.name = p_name AND (p_key IS NULL OR s.key = p_key)
          ORDER BY j.started_at, j.id
          LIMIT 10) AS h
$$;

-- Which entries of limits let nothing by, and why: one is not known, or was told to wait by a service,
-- or has all slots taken, or as many have begun as may. Counted as claim_line counts.
CREATE OR REPLACE FUNCTION howdah.limits_in_the_way(p_entries text[])
RETURNS TABLE (entry text, kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    WITH drawn AS (
        SELECT e.entry, howdah.quota_of(e.entry) AS name, howdah.key_of(e.entry) AS key,
               q.name IS NOT NULL AS is_known, q.blocked_until,
               (q.settings ->> 'total')::bigint AS total,
               coalesce((q.settings -> 'tiers' ->> howdah.tier_of(e.entry))::bigint,
                        (q.settings ->> 'per_key')::bigint) AS per_key,
               (q.settings ->> 'rate')::bigint AS rate, (q.settings ->> 'per')::float8 AS per,
               (SELECT count(*) FROM howdah.slot AS s WHERE s.name = q.name) AS held,
               (SELECT count(*) FROM howdah.slot AS s
                WHERE s.name = q.name AND s.key = howdah.key_of(e.entry)) AS held_by_key
        FROM unnest(p_entries) AS e (entry)
        LEFT JOIN howdah.quota AS q ON q.name = howdah.quota_of(e.entry))
    SELECT d.entry, 'limit_unknown', jsonb_build_object('limit', d.name)
    FROM drawn AS d WHERE NOT d.is_known
    UNION ALL
    SELECT d.entry, 'limit_blocked', jsonb_build_object(
        'limit', d.name, 'until', extract(epoch FROM d.blocked_until),
        'seconds', extract(epoch FROM d.blocked_until - howdah.now()))
    FROM drawn AS d WHERE d.blocked_until > howdah.now()
    UNION ALL
    SELECT d.entry, 'limit_full', jsonb_build_object(
        'limit', d.name, 'key', p.key, 'total', p.most, 'held', p.held,
        'holders', howdah.holders_of(d.name, p.key))
    FROM drawn AS d
    CROSS JOIN LATERAL (VALUES
        (NULL, d.total, d.held),
        (d.key, CASE WHEN d.key <> '' THEN d.per_key END, d.held_by_key)) AS p (key, most, held)
    WHERE p.held >= p.most
    UNION ALL
    SELECT d.entry, 'rate_full', jsonb_build_object(
        'limit', d.name, 'key', nullif(d.key, ''), 'rate', d.rate, 'per', d.per,
        'until', extract(epoch FROM b.opens_at),
        'seconds', extract(epoch FROM b.opens_at - howdah.now()))
    FROM drawn AS d
    CROSS JOIN LATERAL (
        SELECT sum(g.jobs) AS jobs, min(g.counts_until) AS opens_at
        FROM howdah.begun AS g
        WHERE g.name = d.name AND g.key = d.key AND g.counts_until > howdah.now()) AS b
    WHERE d.rate IS NOT NULL AND coalesce(b.jobs, 0) >= d.rate
$$;

-- Which of its limits hold a job up.
CREATE OR REPLACE FUNCTION howdah.explain_limits(p_limits text[])
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT l.kind, l.facts FROM howdah.limits_in_the_way(p_limits) AS l
$$;

-- Whom a job with a policy waits for: who failed in its line and blocks it, who runs there, or must
-- run before it. As claim_line sees it.
CREATE OR REPLACE FUNCTION howdah.explain_policy(p_job howdah.job)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT 'policy', jsonb_build_object(
        'policy', (p_job).policy, 'line', (p_job).line, 'job', o.id, 'task', o.task, 'state', o.state)
    FROM (SELECT b.job_id AS id, v.task, coalesce(v.state, 'failed') AS state
          FROM howdah.blocked_key AS b
          LEFT JOIN howdah.jobs AS v ON v.id = b.job_id
          WHERE (p_job).policy = 'key_strict_fifo' AND b.job_id <> (p_job).id
            AND b.queue = (p_job).queue AND b.line = (p_job).line
          LIMIT 1) AS o
    UNION ALL
    SELECT 'policy', jsonb_build_object(
        'policy', (p_job).policy, 'line', (p_job).line, 'job', o.id, 'task', o.task, 'state', o.state)
    FROM (SELECT j.id, j.task, j.state
          FROM howdah.job AS j
          WHERE j.queue = (p_job).queue AND j.line = (p_job).line AND j.id <> (p_job).id
            AND (p_job).policy IN ('singleton', 'stately', 'key_strict_fifo')
            AND (j.state = 'active' AND j.policy IN ('singleton', 'stately', 'key_strict_fifo')
                 OR (j.sending, j.id) < ((p_job).sending, (p_job).id)
                    AND (p_job).policy <> 'singleton' AND j.policy IN ('stately', 'key_strict_fifo'))
          ORDER BY (j.state = 'active') DESC, j.sending, j.id
          LIMIT 1) AS o
$$;

-- Whether its queue waits, whoever asked for it.
CREATE OR REPLACE FUNCTION howdah.explain_queue(p_queue text)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT 'queue_paused', jsonb_build_object(
        'queue', q.name, 'since', extract(epoch FROM q.paused_at), 'by', q.paused_by,
        'reason', q.pause_reason)
    FROM howdah.queue AS q WHERE q.name = p_queue AND q.paused_at IS NOT NULL
    UNION ALL
    SELECT 'queue_blocked', jsonb_build_object(
        'queue', q.name, 'until', extract(epoch FROM q.blocked_until),
        'seconds', extract(epoch FROM q.blocked_until - howdah.now()))
    FROM howdah.queue AS q WHERE q.name = p_queue AND q.blocked_until > howdah.now()
$$;

-- Each live worker, and all that decides whether it takes a job. One that does not say which tasks it
-- has or which priorities it takes may take any.
CREATE OR REPLACE FUNCTION howdah.live_workers(p_queue text, p_task text, p_priority smallint)
RETURNS TABLE (
    id bigint, host text, serves boolean, knows boolean, covers boolean, rests boolean,
    lowest smallint, highest smallint, slots int, most int, batches jsonb
)
LANGUAGE sql STABLE
AS $$
    SELECT w.id, w.host, w.queues @> ARRAY[p_queue],
           coalesce(w.tasks @> ARRAY[p_task], true),
           p_priority BETWEEN coalesce(w.lowest, -32768) AND coalesce(w.highest, 32767),
           w.paused_at IS NOT NULL OR w.stop_asked_at IS NOT NULL,
           w.lowest, w.highest, coalesce(w.wanted_concurrency, w.concurrency),
           (w.queue_concurrency ->> p_queue)::int, w.batches
    FROM howdah.worker AS w
    WHERE w.beat_at + w.lease > howdah.now()
$$;

-- What workers hold, by queue and task. No index has it, on purpose: whoever asks of many jobs reads
-- it once for all of them.
CREATE OR REPLACE FUNCTION howdah.held_by_workers() RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]')
    FROM (SELECT j.worker_id AS worker, j.queue, j.task, count(*) AS jobs
          FROM howdah.job AS j
          WHERE j.state = 'active'
          GROUP BY j.worker_id, j.queue, j.task) AS h
$$;

-- How busy the workers are that would take a job. Which jobs run in one batch is not known, nor which
-- of them wait there for more to come: so they count as full batches, and a rest as none.
CREATE OR REPLACE FUNCTION howdah.busy_workers(
    p_queue text, p_task text, p_priority smallint, p_held jsonb
)
RETURNS TABLE (id bigint, host text, slots int, most int, running bigint, of_queue bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.id, a.host, a.slots, a.most, coalesce(sum(h.handlers), 0)::bigint,
           coalesce(sum(h.handlers) FILTER (WHERE h.queue = p_queue), 0)::bigint
    FROM howdah.live_workers(p_queue, p_task, p_priority) AS a
    LEFT JOIN LATERAL (
        SELECT x.queue, x.jobs / coalesce((a.batches ->> x.task)::int, 1) AS handlers
        FROM jsonb_to_recordset(p_held) AS x (worker bigint, queue text, task text, jobs bigint)
        WHERE x.worker = a.id) AS h ON true
    WHERE a.serves AND a.knows AND a.covers AND NOT a.rests
    GROUP BY a.id, a.host, a.slots, a.most
$$;

-- Whether a worker is there that would run it: one reason at the most.
DROP FUNCTION IF EXISTS howdah.explain_workers(text, text);
CREATE OR REPLACE FUNCTION howdah.explain_workers(
    p_queue text, p_task text, p_priority smallint, p_held jsonb
)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    WITH alive AS MATERIALIZED (
        SELECT a.* FROM howdah.live_workers(p_queue, p_task, p_priority) AS a),
    fits AS (
        SELECT count(*) AS alive,
               count(*) FILTER (WHERE a.serves) AS serving,
               count(*) FILTER (WHERE a.serves AND a.knows) AS knowing,
               count(*) FILTER (WHERE a.serves AND a.knows AND a.covers) AS taking,
               count(*) FILTER (WHERE a.serves AND a.knows AND a.covers AND NOT a.rests) AS working
        FROM alive AS a),
    busy AS (
        SELECT sum(b.slots) AS slots, sum(b.running) AS running,
               count(*) FILTER (WHERE b.running >= b.slots) AS without_slot,
               count(*) FILTER (WHERE b.running >= b.slots OR b.of_queue >= b.most) AS without_room,
               count(*) FILTER (WHERE b.of_queue >= b.most) AS full_of_queue,
               sum(b.most) FILTER (WHERE b.of_queue >= b.most) AS most,
               min(b.most) FILTER (WHERE b.of_queue >= b.most) AS least,
               max(b.most) FILTER (WHERE b.of_queue >= b.most) AS largest
        FROM howdah.busy_workers(p_queue, p_task, p_priority, p_held) AS b),
    -- Which priorities those take that do not take this one: ten of the hosts, by their first worker.
    others AS (
        SELECT jsonb_agg(to_jsonb(g) ORDER BY g.worker) AS workers
        FROM (SELECT min(a.id) AS worker, a.host, a.lowest, a.highest, count(*) AS workers
              FROM alive AS a
              WHERE a.serves AND a.knows
              GROUP BY a.host, a.lowest, a.highest
              ORDER BY min(a.id)
              LIMIT 10) AS g)
    SELECT CASE WHEN f.serving = 0 THEN 'no_worker'
                WHEN f.knowing = 0 THEN 'task_unknown'
                WHEN f.taking = 0 THEN 'priority_unserved'
                WHEN f.working = 0 THEN 'workers_paused'
                WHEN b.without_slot = f.working THEN 'workers_busy'
                ELSE 'handlers_busy' END,
           jsonb_build_object('queue', p_queue, 'task', p_task, 'priority', p_priority,
                              'alive', f.alive, 'serving', f.serving, 'knowing', f.knowing,
                              'taking', f.taking, 'working', f.working,
                              'slots', b.slots, 'running', b.running)
           || CASE WHEN f.taking = 0 AND f.knowing > 0
                   THEN jsonb_build_object('workers', o.workers) ELSE '{}' END
           || CASE WHEN f.working > 0 AND b.without_slot < f.working
                   THEN jsonb_build_object(
                       'full', b.full_of_queue, 'most', b.most,
                       'each', CASE WHEN b.least = b.largest THEN b.least END) ELSE '{}' END
    FROM fits AS f CROSS JOIN busy AS b CROSS JOIN others AS o
    WHERE f.working = 0 OR b.without_room = f.working
$$;

-- How many claimable jobs come before it, counted up to a million, and when its turn would come at
-- the speed of the last ten seconds, or of the last ten minutes where those say nothing. What only
-- such workers run as do not take it is neither before it nor tells the speed. All that do take it take
-- its own priority, so what they take above it is one range.
CREATE OR REPLACE FUNCTION howdah.explain_turn(p_job howdah.job)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    WITH alive AS MATERIALIZED (
        SELECT a.id, a.highest, a.serves AND a.knows AND a.covers AND NOT a.rests AS takes
        FROM howdah.live_workers((p_job).queue, (p_job).task, (p_job).priority) AS a),
    reach AS MATERIALIZED (
        SELECT coalesce(bool_or(a.takes), false) AS is_taken,
               coalesce(max(coalesce(a.highest, 32767)) FILTER (WHERE a.takes), 32767)::smallint AS highest,
               coalesce(array_agg(a.id) FILTER (WHERE NOT a.takes), '{}') AS strangers
        FROM alive AS a)
    SELECT 'turn', jsonb_build_object(
        'ahead', n.ahead, 'per_second', s.speed, 'line', (p_job).line,
        'seconds', CASE WHEN s.speed > 0 AND (p_job).line IS NULL AND r.is_taken
                        THEN n.ahead / s.speed END)
    FROM reach AS r
    CROSS JOIN (
        SELECT count(*) AS ahead
        FROM (SELECT FROM howdah.job AS j
              WHERE (p_job).line IS NULL AND j.queue = (p_job).queue
                AND j.ready_xid IS NOT NULL AND j.line IS NULL
                AND j.priority > (p_job).priority
                -- As `<=` the planner would take both for a narrow range, and fetch by index what
                -- may be half of the table.
                AND (j.priority > (SELECT r.highest FROM reach AS r)) IS NOT TRUE
              UNION ALL
              SELECT FROM howdah.job AS j
              WHERE (p_job).line IS NULL AND j.queue = (p_job).queue
                AND j.ready_xid IS NOT NULL AND j.line IS NULL
                AND j.priority = (p_job).priority
                AND (j.ready_xid, j.id) < ((p_job).ready_xid, (p_job).id)
              UNION ALL
              SELECT FROM howdah.job AS j
              WHERE j.queue = (p_job).queue AND j.priority = (p_job).priority
                AND j.line = (p_job).line AND j.ready_xid IS NOT NULL
                AND (j.ready_xid, j.id) < ((p_job).ready_xid, (p_job).id)
              LIMIT 1000000) AS x) AS n
    CROSS JOIN (
        SELECT round(coalesce(nullif((
                   SELECT count(*) FROM howdah.archive AS a
                   WHERE a.finished_at > howdah.now() - interval '10 seconds'
                     AND a.queue = (p_job).queue
                     AND (a.worker_id = ANY ((SELECT r.strangers FROM reach AS r)::bigint[])) IS NOT TRUE), 0) / 10.0, (
                   SELECT sum(coalesce(m.done, 0) + coalesce(m.retried, 0))
                          / (60.0 * count(DISTINCT m.at))
                   FROM howdah.sample AS m
                   WHERE m.queue = (p_job).queue AND m.worker_id <> 0
                     AND m.worker_id <> ALL ((SELECT r.strangers FROM reach AS r)::bigint[])
                     AND m.at > howdah.now() - interval '10 minutes')), 2)::float8 AS speed) AS s
$$;

-- The parents of a flow that are not over as the job needs them. One that is gone was deleted by
-- hand, or its retention is over.
CREATE OR REPLACE FUNCTION howdah.explain_parents(p_id uuid)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT 'parent', jsonb_build_object(
        'job', d.parent, 'task', v.task, 'queue', v.queue, 'state', coalesce(v.state, d.state),
        'on_failure', d.on_failure, 'child', d.child, 'is_gone', v.state IS NULL)
    FROM howdah.dependency AS d
    LEFT JOIN LATERAL (
        SELECT x.task, x.queue, x.state FROM howdah.jobs AS x WHERE x.id = d.parent) AS v ON true
    WHERE d.child = p_id AND NOT d.settled
    ORDER BY d.parent
$$;

-- A job that is not waiting to be claimed.
CREATE OR REPLACE FUNCTION howdah.explain_other(p_job howdah.job)
RETURNS TABLE (kind text, facts jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT 'suspended', jsonb_build_object(
        'until', extract(epoch FROM (p_job).start_after),
        'seconds', extract(epoch FROM (p_job).start_after - howdah.now()))
    WHERE (p_job).state = 'waiting'
    UNION ALL
    SELECT CASE WHEN w.beat_at + w.lease > howdah.now() THEN 'running' ELSE 'orphaned' END,
           jsonb_build_object(
               'since', extract(epoch FROM (p_job).started_at), 'attempt', (p_job).attempt,
               'worker', (p_job).worker_id, 'host', w.host, 'pid', w.pid,
               'silent', extract(epoch FROM howdah.now() - w.beat_at),
               'stop_asked_at', extract(epoch FROM (p_job).cancel_requested_at),
               'until', extract(epoch FROM (p_job).expire_at))
    FROM (SELECT) AS one
    LEFT JOIN howdah.worker AS w ON w.id = (p_job).worker_id
    WHERE (p_job).state = 'active'
$$;

CREATE OR REPLACE FUNCTION howdah.explain(p_id uuid) RETURNS TABLE (kind text, facts jsonb)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_job howdah.job;
BEGIN
    SELECT j.* INTO v_job FROM howdah.job AS j WHERE j.id = p_id;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'finished', jsonb_build_object(
            'state', a.state, 'since', extract(epoch FROM a.finished_at), 'reason', a.cancel_reason,
            'error', (a.errors -> -1) - 'traceback')
        FROM howdah.archive AS a WHERE a.id = p_id;
        RETURN;
    END IF;
    IF v_job.state IN ('active', 'waiting') THEN
        RETURN QUERY SELECT o.kind, o.facts FROM howdah.explain_other(v_job) AS o;
        RETURN;
    END IF;
    IF v_job.held = 'flow' THEN
        RETURN QUERY SELECT p.kind, p.facts FROM howdah.explain_parents(p_id) AS p;
    ELSIF v_job.held IS NOT NULL THEN
        RETURN QUERY
        SELECT 'task_paused', jsonb_build_object(
            'task', v_job.task, 'since', extract(epoch FROM p.at), 'by', p.by, 'reason', p.reason)
        FROM (SELECT) AS one
        LEFT JOIN howdah.pause AS p ON p.kind = 'task' AND p.name = v_job.task;
    END IF;
    IF v_job.start_after > howdah.now() THEN
        RETURN QUERY SELECT 'not_due', jsonb_build_object(
            'until', extract(epoch FROM v_job.start_after), 'state', v_job.state,
            'seconds', extract(epoch FROM v_job.start_after - howdah.now()));
    ELSIF v_job.ready_xid IS NULL AND v_job.held IS NULL THEN
        RETURN QUERY SELECT 'due', jsonb_build_object('since', extract(epoch FROM v_job.start_after));
    END IF;
    IF v_job.deadline <= howdah.now() THEN
        RETURN QUERY SELECT 'too_late', jsonb_build_object('since', extract(epoch FROM v_job.deadline));
    END IF;
    RETURN QUERY SELECT q.kind, q.facts FROM howdah.explain_queue(v_job.queue) AS q;
    RETURN QUERY SELECT l.kind, l.facts FROM howdah.explain_limits(v_job.limits) AS l;
    RETURN QUERY SELECT p.kind, p.facts FROM howdah.explain_policy(v_job) AS p;
    RETURN QUERY
    SELECT w.kind, w.facts
    FROM howdah.explain_workers(
        v_job.queue, v_job.task, v_job.priority, howdah.held_by_workers()) AS w;
    IF v_job.ready_xid IS NOT NULL THEN
        RETURN QUERY SELECT t.kind, t.facts FROM howdah.explain_turn(v_job) AS t;
    END IF;
END
$$;
