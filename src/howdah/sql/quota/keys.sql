-- How many jobs of each key of a limit run, wait, and have begun within its window; those of which
-- the most wait first. What has no key comes before them. Waiting is what it is in quota/list.sql.
WITH drawn AS (
    SELECT howdah.key_of(e.entry) AS key, howdah.tier_of(e.entry) AS tier,
           s.job_id IS NOT NULL AS holds
    FROM howdah.job AS j
    CROSS JOIN LATERAL unnest(j.limits) AS e (entry)
    LEFT JOIN howdah.slot AS s
      ON s.job_id = j.id AND s.name = :name::text AND s.key = howdah.key_of(e.entry)
    WHERE howdah.quota_of(e.entry) = :name::text
      AND (s.job_id IS NOT NULL OR j.ready_xid IS NOT NULL AND j.line IS NOT NULL)),
counted AS (
    SELECT d.key, min(d.tier) AS tier, count(*) FILTER (WHERE d.holds) AS running,
           count(*) FILTER (WHERE NOT d.holds) AS waiting
    FROM drawn AS d
    GROUP BY d.key),
begun AS (
    SELECT g.key, sum(g.jobs)::int8 AS jobs
    FROM howdah.begun AS g
    WHERE g.name = :name::text AND g.counts_until > howdah.now()
    GROUP BY g.key)
SELECT coalesce(c.key, b.key), nullif(c.tier, ''), coalesce(c.running, 0), coalesce(c.waiting, 0),
       coalesce(b.jobs, 0)
FROM counted AS c
FULL JOIN begun AS b ON b.key = c.key
ORDER BY coalesce(c.key, b.key) = '' DESC, 4 DESC, 3 DESC, 1
LIMIT :limit::int8
