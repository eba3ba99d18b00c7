-- How long each of these jobs was due before it was claimed, in seconds.
SELECT l.id::text, l.seconds FROM howdah.latencies(:ids::text::uuid[]) AS l
