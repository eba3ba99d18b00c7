-- Nobody claims anything until everything is resumed.
SELECT howdah.pause_everything(:by::text, :reason::text)::text
