-- Drops the day partitions whose day is over.
SELECT d FROM howdah.drop_partitions(:log_days::int8::int, :sample_days::int8::int) AS d
