-- progress_job: active -> active, and how far it is
SELECT howdah.progress_job(:id::text::uuid, :fence::int8, :share::float8, :note::text) IS NULL
