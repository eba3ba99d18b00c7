-- Nobody claims jobs of the task until it is resumed. One that is paused stays so, as it is.
INSERT INTO howdah.pause (kind, name, by, reason)
VALUES ('task', :name::text, :by::text, :reason::text)
ON CONFLICT DO NOTHING
RETURNING name
