-- Makes the day partitions that the coming days will need.
SELECT howdah.make_partitions(:days::int8::int)
