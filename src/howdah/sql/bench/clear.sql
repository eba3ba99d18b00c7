-- Empties the live table between two laps of sending.
TRUNCATE howdah.job
