-- Lets every lap begin on a live table without dead rows.
VACUUM howdah.job
