-- The schedules that are due, the longest first, together where they are due alike and differ only in
-- what they send; and in how many seconds the next is due. At least one row. Locks nothing: fire
-- looks again.
--
-- One statement for both: a tick between two would be due in neither, and be left for a second.
WITH due AS MATERIALIZED (
    SELECT s.name, s.revision, s.cron, s.every, s.tz, s.catch_up, s.catch_up_limit, s.next_at
    FROM howdah.schedule AS s
    WHERE s.paused_at IS NULL
      AND s.next_at <= howdah.now()
      AND s.name NOT IN (SELECT n FROM jsonb_array_elements_text(:without::text::jsonb) AS n)
    ORDER BY s.next_at
    LIMIT :limit::int8),
alike AS (
    SELECT jsonb_agg(jsonb_build_array(d.name, d.revision))::text AS schedules, d.cron, d.every,
           d.tz, d.catch_up, d.catch_up_limit, d.next_at
    FROM due AS d
    GROUP BY d.cron, d.every, d.tz, d.catch_up, d.catch_up_limit, d.next_at)
SELECT (SELECT extract(epoch FROM min(s.next_at) - howdah.now())::float8
        FROM howdah.schedule AS s
        WHERE s.paused_at IS NULL AND s.next_at > howdah.now()),
       a.schedules, a.cron, a.every, a.tz, a.catch_up, a.catch_up_limit,
       extract(epoch FROM a.next_at)::float8, extract(epoch FROM howdah.now())::float8
FROM (SELECT) AS one
LEFT JOIN alike AS a ON true
ORDER BY a.next_at
