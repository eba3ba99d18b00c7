-- claim: created, retry -> active
SELECT c.id, c.fence, c.attempt, c.crash_count, c.queue, c.task, c.priority, c.args, c.key, c.tags,
       c.expire_in, c.retry, c.hint
FROM howdah.claim(string_to_array(:queues::text, E'\x1e'), :limit::int8::int, :worker_id::int8, :hints::text,
                 :served::text::jsonb, :lowest::int8::smallint, :highest::int8::smallint) AS c
