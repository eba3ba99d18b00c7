-- The workers, the oldest first, with what each holds. There is no index on a job's worker, on
-- purpose: so the table of jobs is read once, for all of them together.
SELECT w.id, w.host, w.pid::int8, array_to_json(w.queues)::text, w.version,
       w.concurrency::int8, w.wanted_concurrency::int8, w.memory,
       extract(epoch FROM w.started_at)::float8,
       extract(epoch FROM howdah.now() - w.beat_at)::float8,
       extract(epoch FROM w.lease)::float8,
       extract(epoch FROM w.paused_at)::float8, w.paused_by,
       extract(epoch FROM w.stop_asked_at)::float8,
       h.jobs,
       w.lowest::int8, w.highest::int8, w.queue_concurrency::text
FROM howdah.worker AS w
LEFT JOIN (
    SELECT j.worker_id,
           json_agg(json_build_array(j.id, j.task, j.queue, j.attempt,
                                     extract(epoch FROM j.started_at))
                    ORDER BY j.started_at, j.id)::text AS jobs
    FROM howdah.job AS j
    WHERE j.state = 'active'
    GROUP BY j.worker_id) AS h ON h.worker_id = w.id
ORDER BY w.id
