-- What a bulk insert costs at the least: the same rows as job/send_many writes for a plain job,
-- by one statement and with nothing around it.
INSERT INTO howdah.job (id, queue, task, priority, args, ready_xid)
SELECT s.id, :queue::text, :task::text, 0, s.args::jsonb, howdah.turn()
FROM unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e')) AS s (id, args)
