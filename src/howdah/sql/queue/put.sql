-- What an operator says of a queue.
SELECT howdah.put_queue(:name::text, :override::text::jsonb)::text
