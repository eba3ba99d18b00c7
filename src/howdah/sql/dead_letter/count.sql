-- How many dead letters wait in a queue and fit.
SELECT count(*) FROM howdah.find_letters(:queue::text, :filter::text::jsonb) AS f
