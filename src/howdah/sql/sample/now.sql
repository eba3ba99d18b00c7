-- The moment under which a worker's counts are kept. As JSON has it, whatever the session's style.
SELECT to_jsonb(howdah.now()) #>> '{}'
