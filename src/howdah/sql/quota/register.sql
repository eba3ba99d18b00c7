-- Tells what the code says of its limits. What an operator said over it stays.
WITH changed AS (
INSERT INTO howdah.quota AS q (name, code)
SELECT d.key, d.value
FROM jsonb_each(:definitions::text::jsonb) AS d
ORDER BY d.key
ON CONFLICT (name) DO UPDATE
SET code       = EXCLUDED.code,
    updated_at = howdah.now()
-- A row that stays as it is takes no lock that a claim would wait for.
WHERE q.code IS DISTINCT FROM EXCLUDED.code
RETURNING q.name)
-- There may be more room now.
SELECT howdah.wake_quotas(ARRAY(SELECT c.name FROM changed AS c))::text
