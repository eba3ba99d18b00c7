-- The parents of a job, and then its children, each the oldest first.
SELECT d.is_parent, d.other::text, v.task, v.state, d.on_failure, d.settled
FROM (
    SELECT true AS is_parent, p.parent AS other, p.on_failure, p.settled
    FROM howdah.dependency AS p
    WHERE p.child = :id::text::uuid
    UNION ALL
    SELECT false, c.child, c.on_failure, c.settled
    FROM howdah.dependency AS c
    WHERE c.parent = :id::text::uuid) AS d
LEFT JOIN LATERAL (SELECT j.task, j.state FROM howdah.jobs AS j WHERE j.id = d.other) AS v ON true
ORDER BY d.is_parent DESC, d.other
