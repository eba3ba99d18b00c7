-- update: created, retry -> the same, with other arguments or options
SELECT howdah.update_job(:id::text::uuid, :changes::text::jsonb)
