-- retry: completed, failed, expired, cancelled -> retry; retry -> retry, at once
--
-- As howdah.retry, for several jobs in one transaction: all or none.
SELECT x.id::text, howdah.retry(x.id)
FROM unnest(:ids::text::uuid[]) AS x (id)
