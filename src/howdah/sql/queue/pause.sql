-- Nobody claims from the queue until it is resumed.
SELECT howdah.pause_queue(:name::text, :by::text, :reason::text)
