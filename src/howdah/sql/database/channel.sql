-- Where workers of this schema listen.
SELECT howdah.channel()
