-- Every limit: what is said of it, what holds a slot of it now, and what waits for it.
SELECT q.name, q.settings::text, q.code::text, q.override::text,
       (SELECT count(*) FROM howdah.slot AS s WHERE s.name = q.name),
       (SELECT count(*) FROM howdah.job AS j
        WHERE j.ready_xid IS NOT NULL AND j.line IS NOT NULL
          AND q.name = ANY (ARRAY(SELECT howdah.quota_of(e) FROM unnest(j.limits) AS e))),
       extract(epoch FROM CASE WHEN q.blocked_until > howdah.now() THEN q.blocked_until END)::float8
FROM howdah.quota AS q
WHERE :name::text IS NULL OR q.name = :name::text
ORDER BY q.name
