-- Who we are, where, and what time it is there.
SELECT current_setting('server_version'), current_database()::text, current_user::text,
       extract(epoch FROM clock_timestamp())::float8
