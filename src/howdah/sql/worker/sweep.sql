-- sweep: active -> retry, for the workers whose lease has run out
SELECT s.workers, s.jobs FROM howdah.sweep(:crash_limit::int8::int) AS s
