-- For archive, log and sample: how many days from now on have their partition, and how many rows stand in
-- the default partition that should have one of their own (counted up to 10,001).
WITH parent (name, first_day, strays) AS (
    VALUES ('archive', howdah.keep_until(NULL),
            (SELECT count(*) FROM (SELECT FROM howdah.archive_default AS a
                                   WHERE a.keep_until < 'infinity' LIMIT 10001) AS s)),
           ('log', (howdah.now() AT TIME ZONE 'UTC')::date,
            (SELECT count(*) FROM (SELECT FROM howdah.log_default LIMIT 10001) AS s)),
           ('sample', (howdah.now() AT TIME ZONE 'UTC')::date,
            (SELECT count(*) FROM (SELECT FROM howdah.sample_default LIMIT 10001) AS s)))
SELECT parent.name,
       (SELECT count(*) FROM generate_series(0, 30) AS n
        WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c
                      JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
                      WHERE s.nspname = :schema::text
                        AND c.relname = parent.name || to_char(parent.first_day + n, '_YYYYMMDD'))),
       parent.strays
FROM parent
ORDER BY parent.name
