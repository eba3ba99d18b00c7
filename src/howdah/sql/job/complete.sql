-- complete: active -> completed, in the caller's own transaction
SELECT howdah.complete(:id::text::uuid, :fence::int8, :result::text::jsonb) IS NULL
