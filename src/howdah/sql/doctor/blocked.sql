-- Queues with keys that failed jobs block, and how many keys.
SELECT b.queue, count(DISTINCT b.line)
FROM howdah.blocked_key AS b
GROUP BY b.queue
ORDER BY b.queue
