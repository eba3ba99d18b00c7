-- Whether any job of these ids was ever committed, live or archived.
SELECT EXISTS (SELECT FROM howdah.jobs AS v WHERE v.id = ANY (:ids::text::uuid[]))
