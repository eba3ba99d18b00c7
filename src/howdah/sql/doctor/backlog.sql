-- By queue: whether a live worker serves it, how many jobs have been ready for so long, and the age
-- of the oldest. A job that was put back to run at once does not say since when it is ready; it is
-- counted by its age only where nobody serves the queue at all.
WITH served AS (
    SELECT DISTINCT q.name
    FROM howdah.worker AS w
    CROSS JOIN LATERAL unnest(w.queues) AS q (name)
    WHERE w.beat_at + w.lease >= howdah.now()),
ready AS (
    SELECT j.queue, served.name IS NOT NULL AS is_served,
           CASE WHEN j.state = 'created' OR served.name IS NULL
                THEN coalesce(j.start_after, j.created_at) ELSE j.start_after END AS since
    FROM howdah.job AS j
    LEFT JOIN served ON served.name = j.queue
    WHERE j.ready_xid IS NOT NULL)
SELECT r.queue, r.is_served, count(*), extract(epoch FROM howdah.now() - min(r.since))::float8
FROM ready AS r
WHERE r.since < howdah.now() - :seconds::float8 * interval '1 second'
GROUP BY r.queue, r.is_served
ORDER BY r.queue
