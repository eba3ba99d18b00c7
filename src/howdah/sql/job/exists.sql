-- Whether a job of this id was ever committed, live or archived.
SELECT EXISTS (SELECT FROM howdah.jobs AS v WHERE v.id = :id::text::uuid)
