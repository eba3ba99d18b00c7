-- Which of these claims are already in the archive: their outcome was applied before, and only
-- the answer was lost.
SELECT a.id::text
FROM unnest(:ids::text::uuid[], :fences::text::bigint[]) AS o (id, fence)
JOIN howdah.archive AS a ON a.id = o.id AND a.fence = o.fence
