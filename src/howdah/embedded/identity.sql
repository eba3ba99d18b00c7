-- identity: which cluster answers on this socket
--
-- A path is no proof, for a folder can be deleted and made anew, moved or copied. The system
-- identifier is drawn when the cluster is made and also stands in its control file.

SELECT pg_catalog.current_setting('data_directory') AS data_directory,
       control.system_identifier::text              AS system_identifier,
       pg_catalog.current_setting('server_version') AS server_version
FROM pg_catalog.pg_control_system() AS control;
