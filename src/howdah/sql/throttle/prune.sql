-- Forgets windows whose time has been over for an hour: a transaction that began before may still
-- look into them. One whose job waits stays, and is looked at again an hour later.
WITH due AS MATERIALIZED (
    SELECT t.task, t.key, t.slot,
           t.slot = 'infinity'
           AND EXISTS (SELECT FROM howdah.job AS j
                       WHERE j.id = t.job_id AND j.state IN ('created', 'retry')) AS waits
    FROM howdah.throttle AS t
    WHERE t.expire_at < howdah.now() - interval '1 hour'
    ORDER BY t.expire_at
    LIMIT :limit::int8
    FOR UPDATE OF t SKIP LOCKED),
kept AS (
    UPDATE howdah.throttle AS t
    SET expire_at = howdah.now()
    FROM due AS d
    WHERE d.waits AND (t.task, t.key, t.slot) = (d.task, d.key, d.slot)),
gone AS (
    DELETE FROM howdah.throttle AS t
    USING due AS d
    WHERE NOT d.waits AND (t.task, t.key, t.slot) = (d.task, d.key, d.slot))
SELECT count(*) FROM due
