-- How many jobs fit a filter.
SELECT howdah.count_fitting(:filter::text::jsonb)
