-- Whether one job is still in the live table. By its key, so that it costs next to nothing.
SELECT EXISTS (SELECT FROM howdah.job AS j WHERE j.id = :id::text::uuid)
