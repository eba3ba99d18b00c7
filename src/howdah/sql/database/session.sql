-- What kind of session this is: the server, whether it takes writes, which isolation a statement
-- on its own gets, and which backend answers (a pooler in between shows another than it said).
SELECT current_setting('server_version_num')::int8, pg_is_in_recovery(),
       current_setting('transaction_read_only') = 'on',
       current_setting('default_transaction_isolation'), pg_backend_pid()::int8
