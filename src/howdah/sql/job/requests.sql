-- What a worker must know about what it holds: whether its lease still stands, and which of its
-- jobs were asked to stop.
SELECT EXISTS (SELECT FROM howdah.worker AS w WHERE w.id = :worker_id::int8),
       (SELECT string_agg(j.id::text || ' ' || j.fence, ',')
        FROM howdah.job AS j
        WHERE j.worker_id = :worker_id::int8
          AND j.cancel_requested_at IS NOT NULL
          AND j.state = 'active')
