-- Hears from now on, in this session, that there is something to claim. Answers with the channel,
-- and with null where the schema has the portable profile.
SELECT howdah.listen()
