-- resume: waiting -> retry
--
-- As howdah.resume, for several jobs in one transaction. A job that is in none of the given states
-- any more, once its lock is had, is left out: it has moved on, and the others must not suffer.
SELECT live.id::text, howdah.resume(live.id)
FROM (
    SELECT j.id
    FROM howdah.job AS j
    WHERE j.id = ANY (:ids::text::uuid[])
      AND j.state = ANY (string_to_array(:states::text, ','))
    ORDER BY j.id
    FOR UPDATE
) AS live
