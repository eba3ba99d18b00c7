-- fail_job: active -> retry or failed
SELECT howdah.fail_job(:id::text::uuid, :fence::int8, :error::text::jsonb, :retry::bool)
