-- Held until the transaction ends, so that one process migrates and the others wait for it.
SELECT pg_advisory_xact_lock(hashtextextended('howdah migrate ' || :schema, 0)),
       set_config('client_min_messages', 'warning', true),
       set_config('lock_timeout', '60s', true)
