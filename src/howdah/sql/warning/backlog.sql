-- Says from how many claimable jobs of a queue workers warn.
INSERT INTO howdah.queue AS q (name, warn_backlog) VALUES (:queue::text, :ready::int8::int)
ON CONFLICT (name) DO UPDATE SET warn_backlog = excluded.warn_backlog
