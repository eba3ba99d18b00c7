-- What a worker must know: whether its lease still stands, which of its jobs were asked to stop,
-- what an operator asks of itself, and which tasks are paused.
SELECT w.id IS NOT NULL,
       (SELECT string_agg(j.id::text || ' ' || j.fence, ',')
        FROM howdah.job AS j
        WHERE j.worker_id = :worker_id::int8
          AND j.cancel_requested_at IS NOT NULL
          AND j.state = 'active'),
       w.wanted_concurrency::int8,
       w.paused_at IS NOT NULL,
       w.stop_asked_at IS NOT NULL,
       (SELECT string_agg(p.name, E'\x1e' ORDER BY p.name)
        FROM howdah.pause AS p
        WHERE p.kind = 'task')
FROM (SELECT) AS one
LEFT JOIN howdah.worker AS w ON w.id = :worker_id::int8
