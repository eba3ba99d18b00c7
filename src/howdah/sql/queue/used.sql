-- The names of the queues that somebody means: of which the code of an app or an operator says
-- something, or that have ever held a job. A worker makes known whatever it serves.
SELECT q.name FROM howdah.queue AS q
WHERE q.deleted_at IS NULL AND (q.code <> '{}' OR q.override <> '{}')
UNION
SELECT n.queue FROM howdah.lane AS n
