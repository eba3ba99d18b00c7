-- cancel: created, retry, waiting -> cancelled; active -> active, asked to stop
--
-- The jobs of a queue among the next so many of all: its last id, null at the end.
WITH looked AS MATERIALIZED (
    SELECT j.id, j.queue
    FROM howdah.job AS j
    WHERE j.id > :after::text::uuid
    ORDER BY j.id
    LIMIT :limit::int8),
locked AS MATERIALIZED (
    SELECT j.id
    FROM looked AS l
    JOIN howdah.job AS j ON j.id = l.id
    WHERE l.queue = :queue::text
    ORDER BY j.id
    FOR UPDATE OF j),
cancelled AS MATERIALIZED (
    SELECT howdah.cancel(l.id, :reason::text) FROM locked AS l)
SELECT (SELECT l.id::text FROM looked AS l ORDER BY l.id DESC LIMIT 1), (SELECT count(*) FROM cancelled)
