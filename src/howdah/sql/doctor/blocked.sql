-- Queues with keys that a failed job blocks, and how many.
SELECT b.queue, count(*)
FROM howdah.blocked_key AS b
GROUP BY b.queue
ORDER BY b.queue
