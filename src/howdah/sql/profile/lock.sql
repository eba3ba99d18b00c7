-- Held until the transaction ends, so that one process migrates and the others wait for it.
SELECT p.name,
       set_config('client_min_messages', 'warning', true),
       set_config('lock_timeout', '60s', true)
FROM howdah.profile AS p
FOR UPDATE
