-- The profile of the schema, where it is not the standard one. Its row is what migrations and
-- pauses lock.
CREATE TABLE IF NOT EXISTS howdah.profile (name text PRIMARY KEY);
INSERT INTO howdah.profile (name) VALUES ('portable') ON CONFLICT DO NOTHING;
