-- One schedule.
SELECT s.name, s.task, s.queue, s.args::text, s.options::text, s.cron, s.every, s.tz, s.jitter,
       s.overlap, s.catch_up, s.catch_up_limit, s.source, s.revision,
       extract(epoch FROM s.next_at)::float8, extract(epoch FROM s.last_tick)::float8,
       s.last_job_id::text, extract(epoch FROM s.paused_at)::float8, s.paused_by,
       extract(epoch FROM s.created_at)::float8, extract(epoch FROM s.updated_at)::float8,
       extract(epoch FROM howdah.now())::float8
FROM howdah.schedule AS s
WHERE s.name = :name::text
