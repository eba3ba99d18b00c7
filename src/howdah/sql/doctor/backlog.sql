-- By queue: who serves it, how many jobs could have been claimed for so long, and the age of the
-- oldest. A job that was put back to run at once does not say since when it is ready; it is counted
-- by its age only where no worker serves the queue, or none its priority.
--
-- Left out is what no worker could claim: queues that are paused or wait, and keys that are blocked.
-- Served by hand is a queue from which somebody claims so: now, or in the last ten minutes by one
-- who counted nothing, as each worker does. Letters are dead ones, or jobs beside such.
WITH alive AS (
    SELECT q.name, w.by_hand, coalesce(w.lowest, -32768) AS lowest, coalesce(w.highest, 32767) AS highest
    FROM howdah.worker AS w
    CROSS JOIN LATERAL unnest(w.queues) AS q (name)
    WHERE w.beat_at + w.lease >= howdah.now()),
served AS (
    SELECT n.queue, n.priority, bool_or(a.by_hand IS NULL) AS by_worker
    FROM howdah.lane AS n
    JOIN alive AS a ON a.name = n.queue AND n.priority BETWEEN a.lowest AND a.highest
    GROUP BY n.queue, n.priority),
ready AS (
    SELECT j.queue, j.id, j.line, j.source, coalesce(served.by_worker, false) AS by_worker,
           served.queue IS NOT NULL AS is_served,
           CASE WHEN j.state = 'created' OR served.by_worker IS NOT TRUE
                THEN coalesce(j.start_after, j.created_at) ELSE j.start_after END AS since
    FROM howdah.job AS j
    LEFT JOIN served ON served.queue = j.queue AND served.priority = j.priority
    WHERE j.ready_xid IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM howdah.queue AS q
          WHERE q.name = j.queue AND (q.paused_at IS NOT NULL OR q.blocked_until > howdah.now()))
      AND NOT EXISTS (
          SELECT FROM howdah.blocked_key AS b
          WHERE j.policy = 'key_strict_fifo' AND b.queue = j.queue AND b.line = j.line)),
late AS (
    SELECT r.queue, r.by_worker, r.is_served, count(*) AS jobs, min(r.since) AS since,
           bool_and(r.line IS NOT NULL) AS in_lines, bool_or(r.source IS NOT NULL) AS has_letters,
           (array_agg(r.id ORDER BY r.since, r.id))[1] AS first
    FROM ready AS r
    WHERE r.since < howdah.now() - :seconds::float8 * interval '1 second'
    GROUP BY r.queue, r.by_worker, r.is_served)
SELECT l.queue,
       CASE WHEN l.by_worker THEN 'worker'
            WHEN l.is_served OR EXISTS (
                SELECT FROM howdah.archive AS a
                WHERE a.queue = l.queue AND a.finished_at > howdah.now() - interval '10 minutes'
                  AND a.state IN ('completed', 'failed') AND a.worker_id IS NOT NULL
                  AND NOT EXISTS (SELECT FROM howdah.worker AS w
                                  WHERE w.id = a.worker_id AND w.by_hand IS NULL)
                  AND NOT EXISTS (SELECT FROM howdah.sample AS s
                                  WHERE s.queue = l.queue AND s.worker_id = a.worker_id)) THEN 'hand'
            WHEN EXISTS (SELECT FROM alive AS a WHERE a.name = l.queue AND a.by_hand IS NULL) THEN 'others'
            ELSE 'nobody' END,
       l.jobs, extract(epoch FROM howdah.now() - l.since)::float8, l.in_lines,
       l.has_letters
       OR EXISTS (SELECT FROM howdah.queue AS q
                  WHERE l.queue IN (q.code ->> 'dead_letter', q.override ->> 'dead_letter'))
       OR EXISTS (SELECT FROM howdah.job AS j WHERE j.dead_letter = l.queue),
       l.first::text
FROM late AS l
ORDER BY l.queue
