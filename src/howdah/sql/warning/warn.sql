-- Keeps warnings; answers for each with whether it is new.
SELECT w.kind, w.subject, w.is_new FROM howdah.warn(:warnings::text::jsonb) AS w
