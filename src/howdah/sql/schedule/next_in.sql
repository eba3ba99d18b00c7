-- In how many seconds the next schedule is due.
SELECT extract(epoch FROM min(s.next_at) - howdah.now())::float8
FROM howdah.schedule AS s
WHERE s.paused_at IS NULL AND s.next_at > howdah.now()
