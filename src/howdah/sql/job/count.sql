-- How many jobs stand in each state, by queue.
SELECT v.queue, v.state, count(*)
FROM howdah.jobs AS v
GROUP BY v.queue, v.state
ORDER BY v.queue, v.state
