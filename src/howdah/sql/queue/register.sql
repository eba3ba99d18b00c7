-- Makes queues known, so that they are listed before their first job.
INSERT INTO howdah.queue (name)
SELECT q.name FROM unnest(string_to_array(:queues::text, E'\x1e')) AS q (name)
ON CONFLICT DO NOTHING
