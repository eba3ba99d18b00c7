-- Which of these jobs no other transaction holds right now.
SELECT j.id::text
FROM unnest(:ids::text::uuid[]) AS o (id)
JOIN howdah.job AS j ON j.id = o.id
FOR UPDATE OF j SKIP LOCKED
