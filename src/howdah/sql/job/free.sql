-- Which of these jobs no other transaction holds right now, nor a job that waits for them: a finish
-- takes those along.
WITH RECURSIVE own AS (
    SELECT j.id
    FROM unnest(:ids::text::uuid[]) AS o (id)
    JOIN howdah.job AS j ON j.id = o.id
    FOR UPDATE OF j SKIP LOCKED),
below (root, id) AS (
    SELECT o.id, o.id FROM own AS o
    UNION
    SELECT b.root, j.id
    FROM below AS b
    JOIN howdah.dependency AS d ON d.parent = b.id
    JOIN howdah.job AS j ON j.id = d.child AND j.held = 'flow'),
free AS (
    SELECT j.id
    FROM howdah.job AS j
    WHERE j.id IN (SELECT b.id FROM below AS b)
    FOR UPDATE SKIP LOCKED)
SELECT o.id::text
FROM own AS o
WHERE NOT EXISTS (
    SELECT FROM below AS b
    WHERE b.root = o.id AND b.id NOT IN (SELECT f.id FROM free AS f))
