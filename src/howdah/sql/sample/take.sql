-- Counts what stands in each queue, once a minute: queue, ready, quarantined, warn_backlog.
SELECT t.queue, t.ready, t.quarantined, t.warn_backlog::int8 FROM howdah.take_sample(:crash_limit::int8::int) AS t
