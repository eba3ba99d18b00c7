-- cancel: created, retry, waiting -> cancelled; active -> active, asked to stop
--
-- As howdah.cancel, for several jobs in one transaction: all or none.
SELECT x.id::text, howdah.cancel(x.id, :reason::text)
FROM unnest(:ids::text::uuid[]) AS x (id)
