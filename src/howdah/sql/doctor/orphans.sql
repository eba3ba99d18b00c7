-- Jobs that are active although their worker is gone, and for how long it has been: the time since
-- its lease ran out, or since the job began where the worker is not even known.
SELECT count(*),
       extract(epoch FROM howdah.now() - min(coalesce(w.beat_at + w.lease, j.started_at)))::float8
FROM howdah.job AS j
LEFT JOIN howdah.worker AS w ON w.id = j.worker_id
WHERE j.state = 'active'
  AND (w.id IS NULL OR w.beat_at + w.lease < howdah.now())
