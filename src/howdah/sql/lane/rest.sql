-- Says that this session's worker is idle on these queues: senders notify while it is.
SELECT pg_advisory_lock_shared(howdah.idle_lock(q.name))::text
FROM unnest(string_to_array(:queues::text, E'\x1e')) AS q (name)
