-- Ends the pause of everything.
SELECT howdah.resume_everything()::text
