-- release_job: active -> retry
SELECT howdah.release_job(:id::text::uuid, :fence::int8)
