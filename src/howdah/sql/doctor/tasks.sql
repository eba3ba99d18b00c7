-- Which tasks live jobs ask for, and how many do.
SELECT j.task, count(*)
FROM howdah.job AS j
GROUP BY j.task
ORDER BY j.task
