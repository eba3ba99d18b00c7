-- Removes a benchmark's schema with all that is in it.
DROP SCHEMA IF EXISTS __schema_name__ CASCADE
