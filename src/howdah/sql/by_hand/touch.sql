-- touch_job: active -> active, with a fresh lease
SELECT howdah.touch_job(:id::text::uuid, :fence::int8, :lease::float8)
