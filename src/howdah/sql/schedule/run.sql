-- Sends a job of a schedule now. Says whether it is new.
SELECT r.id::text, r.created FROM howdah.run_schedule(:name::text) AS r
