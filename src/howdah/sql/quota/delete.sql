-- Forgets a limit. Jobs that draw from it wait until it is known again.
DELETE FROM howdah.quota AS q WHERE q.name = :name::text RETURNING q.name
