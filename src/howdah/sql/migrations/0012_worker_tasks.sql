-- expand: safe while older workers run

-- The tasks that the worker's code has; null for a worker that does not say.
ALTER TABLE howdah.worker ADD COLUMN tasks text[];
