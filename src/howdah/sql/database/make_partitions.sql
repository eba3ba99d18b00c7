-- Makes the day partitions that the coming days will need.
SELECT p.made, p.missed FROM howdah.make_partitions(:days::int8::int) AS p
