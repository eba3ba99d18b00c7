-- Removes the schema of one test. A transaction that the test left open would hold this up for
-- ever: better to say so.
SET lock_timeout = '5s';

DROP SCHEMA IF EXISTS __schema_name__ CASCADE;
