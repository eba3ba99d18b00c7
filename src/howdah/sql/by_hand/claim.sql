-- claim_jobs: created, retry -> active
SELECT c.id::text, c.fence, c.attempt::int8, c.queue, c.task, c.priority::int8, c.args::text, c.key,
       array_to_json(c.tags)::text, extract(epoch FROM c.scheduled_for)::float8
FROM howdah.claim_jobs(:queue::text, :limit::int8::int, :lease::float8) AS c
