-- In how many seconds the first tick of the hour is due; below zero where it is late.
SELECT extract(epoch FROM min(s.next_at) - howdah.now())::float8
FROM howdah.schedule AS s
WHERE s.next_at < howdah.now() + interval '1 hour'
