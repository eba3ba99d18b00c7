-- resume: waiting -> retry
SELECT howdah.resume(:id::text::uuid)
