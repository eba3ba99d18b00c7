-- Ids of jobs that fit a filter, the newest first, from a given one on: what to act on. Workers
-- take the oldest first, so whoever cancels a queue meets them in the middle and not all the way.
SELECT f.id::text
FROM howdah.find_ids(:filter::text::jsonb, :after::text::uuid, true, :limit::int8) AS f (id)
