-- Ends the pause of a queue.
SELECT howdah.resume_queue(:name::text)
