-- sweep: active -> retry, for workers that are not known at all
SELECT howdah.sweep_orphans(:crash_limit::int8::int)
