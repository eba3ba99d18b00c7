-- retry: completed, failed, expired, cancelled -> retry; retry -> retry, at once
--
-- As howdah.retry, for several jobs in one transaction: all or none. A job that is in none of the
-- given states any more, once its lock is had, is left out: somebody else has run it again.
WITH live AS MATERIALIZED (
    SELECT j.id
    FROM howdah.job AS j
    WHERE j.id = ANY (:ids::text::uuid[])
      AND j.state = ANY (string_to_array(:states::text, ','))
    ORDER BY j.id
    FOR UPDATE),
over AS MATERIALIZED (
    SELECT a.id
    FROM howdah.archive AS a
    WHERE a.id = ANY (:ids::text::uuid[])
      AND a.state = ANY (string_to_array(:states::text, ','))
    ORDER BY a.id
    FOR UPDATE)
SELECT x.id::text, howdah.retry(x.id)
FROM (SELECT l.id FROM live AS l UNION ALL SELECT o.id FROM over AS o) AS x
