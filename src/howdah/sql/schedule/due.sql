-- The schedules that are due, the longest first. Locks nothing: fire looks again.
SELECT s.name, s.revision, s.cron, s.every, s.tz, s.catch_up, s.catch_up_limit,
       extract(epoch FROM s.next_at)::float8, extract(epoch FROM howdah.now())::float8
FROM howdah.schedule AS s
WHERE s.paused_at IS NULL
  AND s.next_at <= howdah.now()
  AND s.name NOT IN (SELECT n FROM jsonb_array_elements_text(:without::text::jsonb) AS n)
ORDER BY s.next_at
LIMIT :limit::int8
