-- identity: which cluster answers on this socket
--
-- A folder may be deleted and made anew, moved or copied while its server runs, so an answer alone
-- is no proof that it comes from the right one.

SELECT pg_catalog.current_setting('data_directory') AS data_directory,
       pg_catalog.current_setting('server_version') AS server_version;
