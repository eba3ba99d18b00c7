-- expire: created, retry, waiting -> expired
SELECT howdah.expire_late(:limit::int8::int)
