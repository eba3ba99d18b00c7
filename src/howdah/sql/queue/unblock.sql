-- Lets the jobs of a key run again, without those that failed.
WITH freed AS (
    DELETE FROM howdah.blocked_key AS b
    WHERE b.queue = :queue::text
      AND b.line = :line::text
    RETURNING b.queue)
SELECT f.queue, howdah.wake_queue(f.queue)::text
FROM (SELECT DISTINCT r.queue FROM freed AS r) AS f
