-- Says something to everybody who listens, ourselves among them.
SELECT pg_notify(howdah.channel(), :payload::text)::text
