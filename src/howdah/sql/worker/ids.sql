-- Which workers there are.
SELECT w.id
FROM howdah.worker AS w
ORDER BY w.id
