-- Ends the pause of a task; what is held for it is lifted then.
DELETE FROM howdah.pause AS p
WHERE p.kind = 'task' AND p.name = :name::text
RETURNING p.name
