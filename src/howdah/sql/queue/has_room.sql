-- Whether fewer jobs could run now in a queue than may wait there.
SELECT count(*) < :max_waiting::int8
FROM howdah.ready_jobs(:queue::text, :max_waiting::int8) AS r
