-- The schedules that some code defined, but not the code that asks.
SELECT s.name
FROM howdah.schedule AS s
WHERE s.source = 'code'
  AND s.name NOT IN (SELECT n FROM jsonb_array_elements_text(:names::text::jsonb) AS n)
ORDER BY s.name
