-- Deletes rows of the default partitions whose day is over.
SELECT howdah.delete_strays(:log_days::int8::int, :limit::int8::int, :sample_days::int8::int)
