-- Sends due ticks, and moves their schedules on. Answers with how many were sent and skipped.
SELECT f.fired, f.skipped FROM howdah.fire(:orders::text::jsonb) AS f
