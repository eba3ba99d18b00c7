-- The names of all schedules.
SELECT s.name FROM howdah.schedule AS s ORDER BY s.name
