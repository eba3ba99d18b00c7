-- expire: active -> retry while attempts are left, else expired
SELECT howdah.expire(:grace::float8 * interval '1 second', :limit::int8::int)
