-- The names of the queues that are known.
SELECT n.name FROM unnest(howdah.queue_names()) AS n (name)
