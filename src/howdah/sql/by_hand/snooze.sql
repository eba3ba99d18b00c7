-- snooze_job: active -> retry
SELECT howdah.snooze_job(:id::text::uuid, :fence::int8, :delay::float8)
