-- Whether the live table holds any job at all.
SELECT EXISTS (SELECT FROM howdah.job)
