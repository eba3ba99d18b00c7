-- Forgets ticks of more than a day ago, some at a time.
WITH gone AS (
    DELETE FROM howdah.tick AS t
    WHERE (t.nominal, t.schedule) IN (
        SELECT o.nominal, o.schedule
        FROM howdah.tick AS o
        WHERE o.nominal < howdah.now() - interval '1 day'
        ORDER BY o.nominal
        LIMIT :limit::int8
        FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) FROM gone AS g
