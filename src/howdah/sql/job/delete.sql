-- delete: created, retry, waiting, completed, failed, expired, cancelled -> gone
SELECT howdah.delete(:id::text::uuid)
