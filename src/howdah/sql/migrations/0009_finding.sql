-- expand: safe while older workers run
--
-- What the archive is searched by. A plain job pays half a microsecond for the first, and nothing
-- for the others: they hold rows only of jobs that have a key, or tags.

-- Blocks by time: rows of a day stand in the order in which they finished.
CREATE INDEX archive_time ON howdah.archive USING brin (finished_at, created_at)
    WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX archive_key ON howdah.archive (key) WHERE key IS NOT NULL;
CREATE INDEX archive_tags ON howdah.archive USING gin (tags) WHERE tags IS NOT NULL;
