-- Holds the waiting jobs of a paused task, among the next so many of all.
SELECT h.last::text, h.held
FROM howdah.hold_jobs(:task::text, :after::text::uuid, :limit::int8::int) AS h
