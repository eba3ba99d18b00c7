-- Jobs that fit a filter, one page.
SELECT v.id::text, v.queue, v.task, v.state, v.priority::int8, v.attempt::int8, v.crash_count::int8,
       v.fence, v.key, array_to_json(v.tags)::text, v.args::text,
       extract(epoch FROM v.created_at)::float8, extract(epoch FROM v.start_after)::float8,
       extract(epoch FROM v.started_at)::float8, extract(epoch FROM v.finished_at)::float8,
       v.worker_id, v.retry::text, extract(epoch FROM v.expire_in)::float8,
       extract(epoch FROM v.retention)::float8, extract(epoch FROM v.cancel_requested_at)::float8,
       v.cancel_reason, v.progress::text, v.errors::text, v.result::text, v.ready,
       extract(epoch FROM v.deadline)::float8, v.held, v.line, array_to_json(v.limits)::text,
       v.policy, v.flow_id::text, v.dead_letter, v.source::text,
       v.blockers::int8, extract(epoch FROM v.scheduled_for)::float8
FROM howdah.find(:filter::text::jsonb, :after::text::uuid, :newest::boolean, :limit::int8) AS v
