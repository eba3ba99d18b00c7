-- Functions are executable by everybody unless that is taken back.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA __schema_name__ FROM PUBLIC;
