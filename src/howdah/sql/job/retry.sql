-- retry: completed, failed, expired, cancelled -> retry; retry -> retry, at once
SELECT howdah.retry(:id::text::uuid)
