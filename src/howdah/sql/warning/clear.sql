-- Forgets warnings. Answers with how many.
WITH gone AS (
    DELETE FROM howdah.warning AS w
    WHERE (:kind::text IS NULL OR w.kind = :kind::text)
      AND (:queue::text IS NULL OR w.queue = :queue::text)
    RETURNING 1)
SELECT count(*) FROM gone AS g
