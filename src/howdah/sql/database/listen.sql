-- Hears from now on, in this session, that there is something to claim. Answers with the channel.
SELECT howdah.listen()
