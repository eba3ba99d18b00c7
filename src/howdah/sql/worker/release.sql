-- release: active -> retry, or failed after too many crashes; the worker is forgotten
SELECT howdah.release(:worker_id::int8, :running::text::uuid[], :crash_limit::int8::int)
