-- complete_job: active -> completed
SELECT howdah.complete_job(:id::text::uuid, :fence::int8, :result::text::jsonb)
