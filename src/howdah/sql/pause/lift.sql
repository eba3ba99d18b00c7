-- Lifts jobs that are held for no pause.
SELECT howdah.lift_jobs(:limit::int8::int)
