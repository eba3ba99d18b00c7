-- cancel: created, retry, waiting -> cancelled; active -> active, asked to stop
SELECT howdah.cancel(:id::text::uuid, :reason::text)
