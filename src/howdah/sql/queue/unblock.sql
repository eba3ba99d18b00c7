-- Lets the jobs of a key run again, without the one that failed.
WITH freed AS (
    DELETE FROM howdah.blocked_key AS b
    WHERE b.queue = :queue::text
      AND b.line = :line::text
    RETURNING b.queue)
SELECT f.queue, howdah.wake_queue(f.queue)::text
FROM freed AS f
