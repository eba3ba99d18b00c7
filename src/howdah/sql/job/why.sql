-- The nearest reason for which each of these jobs does not run.
SELECT w.id::text, w.kind, w.facts::text
FROM howdah.why(:ids::text::uuid[]) AS w
