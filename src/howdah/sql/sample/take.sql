-- Counts what stands in each queue, once a minute: queue, ready, quarantined.
SELECT t.queue, t.ready, t.quarantined FROM howdah.take_sample(:crash_limit::int8::int) AS t
