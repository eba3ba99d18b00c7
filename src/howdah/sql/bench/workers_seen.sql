-- How many processes have completed a job.
SELECT count(DISTINCT a.worker_id)
FROM howdah.archive AS a
