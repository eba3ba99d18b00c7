-- What any worker does for all, once.
SELECT howdah.tend() IS NULL
