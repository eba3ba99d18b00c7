-- Which settings would let a commit that was acknowledged be lost.
SELECT s.name, s.setting
FROM pg_catalog.pg_settings AS s
WHERE (s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off')
   OR (s.name = 'synchronous_commit' AND s.setting = 'off')
ORDER BY s.name
