-- Says that this session's worker is no longer idle.
SELECT pg_advisory_unlock_shared(howdah.idle_lock(q.name))
FROM unnest(string_to_array(:queues::text, E'\x1e')) AS q (name)
