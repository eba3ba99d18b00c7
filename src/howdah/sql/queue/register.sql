-- Makes queues known, with what the code says of them, before their first job.
SELECT howdah.register_queues(:code::text::jsonb)::text
