-- Lets the jobs of a key run again, without the one that failed.
DELETE FROM howdah.blocked_key AS b
WHERE b.queue = :queue::text
  AND b.line = :line::text
RETURNING b.line
