-- Why a job does not run: reasons, in one picture. The state is null where there is no such job.
SELECT v.state, e.kind, e.facts::text
FROM (SELECT) AS one
LEFT JOIN howdah.jobs AS v ON v.id = :id::text::uuid
LEFT JOIN LATERAL howdah.explain(:id::text::uuid) AS e ON true
