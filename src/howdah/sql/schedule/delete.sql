-- Forgets a schedule. Jobs that it has sent are jobs like any.
DELETE FROM howdah.schedule AS s WHERE s.name = :name::text RETURNING s.name
