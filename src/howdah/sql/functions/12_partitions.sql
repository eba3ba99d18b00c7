-- Day partitions of archive, log and sample: made ahead, dropped when their day is over.
--
-- A partition is named after its day: archive_20261123. Rows without one stand in the default
-- partition. To make or drop one takes a lock that shuts out everybody, so it must be had at once
-- and held for a moment only: nothing is begun behind a long transaction, few partitions are made
-- and few rows are moved in one transaction, and what did not work now is done by a later pass.

-- Whether a transaction of somebody else holds on to one of these tables, such as a dump. To wait
-- for it would hold up all who come later. Looks twice, since each finish holds them for a moment.
CREATE OR REPLACE FUNCTION howdah.is_held(VARIADIC p_tables text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tables  oid[] := ARRAY(SELECT to_regclass(format('%I.%I', __schema__, t))::oid
                             FROM unnest(p_tables) AS t);
    v_holders text[];
BEGIN
    SELECT array_agg(l.virtualtransaction) INTO v_holders
    FROM pg_locks AS l
    WHERE l.relation = ANY (v_tables) AND l.granted AND l.pid <> pg_backend_pid();
    IF v_holders IS NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_sleep(0.3);
    RETURN EXISTS (
        SELECT FROM pg_locks AS l
        WHERE l.relation = ANY (v_tables) AND l.granted
          AND l.virtualtransaction = ANY (v_holders));
END
$$;

-- Makes the partition of one day, and moves into it what the default partition holds of that day.
-- The day 'infinity' is that of the jobs that are kept for ever: while it is attached, Postgres
-- looks at every row of the default partition, so they must not stand there.
CREATE OR REPLACE FUNCTION howdah.make_partition(p_parent text, p_column text, p_day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '500ms'
SET timezone = 'UTC'
AS $$
DECLARE
    v_schema text := __schema__;
    v_name   text := howdah.partition_name(p_parent, p_day);
    v_until  text := CASE WHEN isfinite(p_day) THEN quote_literal(p_day + 1) ELSE 'MAXVALUE' END;
BEGIN
    IF to_regclass(format('%I.%I', v_schema, v_name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Readers included. One that is planning sees the partitions of before, waits for the default
    -- one, and then looks with a snapshot of after: the rows that moved would be nowhere.
    EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE', v_schema, p_parent);
    IF to_regclass(format('%I.%I', v_schema, v_name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                   v_schema, v_name, v_schema, p_parent);
    EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', v_schema, p_parent || '_default');
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I.%I WHERE %I >= %L AND (%I < %L OR NOT isfinite(%L::date)) RETURNING *)'
        ' INSERT INTO %I.%I SELECT * FROM moved',
        v_schema, p_parent || '_default', p_column, p_day, p_column, p_day + 1, p_day, v_schema, v_name);
    EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%s)',
                   v_schema, p_parent, v_schema, v_name, p_day, v_until);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION howdah.partition_name(p_parent text, p_day date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_parent || CASE WHEN isfinite(p_day) THEN to_char(p_day, '_YYYYMMDD') ELSE '_endless' END
$$;

-- The days that need a partition and have none. Made ahead are today's and the p_days after it,
-- at each distance at which jobs are kept: the usual one, those of live jobs, and those of what
-- stands in the default partition, also when no such job is live at the moment.
-- A day of which the default partition holds very many rows gets none: they would have to be moved
-- while everybody waits. They stay until delete_strays; the days after it are made ahead by then.
CREATE OR REPLACE FUNCTION howdah.missing_partitions(p_days int)
RETURNS TABLE (parent text, keyed_by text, day date, strays bigint)
LANGUAGE sql VOLATILE
AS $$
    WITH today (day) AS (
        VALUES ((howdah.now() AT TIME ZONE 'UTC')::date)),
    stray (parent, keyed_by, day, strays) AS MATERIALIZED (
        SELECT 'archive', 'keep_until', a.keep_until, count(*)
        FROM howdah.archive_default AS a, today AS t
        WHERE a.keep_until >= t.day
        GROUP BY a.keep_until
        UNION ALL
        SELECT 'log', 'at', (l.at AT TIME ZONE 'UTC')::date, count(*)
        FROM howdah.log_default AS l
        GROUP BY 3
        UNION ALL
        SELECT 'sample', 'at', (s.at AT TIME ZONE 'UTC')::date, count(*)
        FROM howdah.sample_default AS s
        GROUP BY 3),
    needed (parent, keyed_by, day) AS (
        SELECT 'archive', 'keep_until', howdah.keep_until(NULL)
        UNION
        SELECT 'archive', 'keep_until', 'infinity'
        UNION
        SELECT 'archive', 'keep_until', howdah.keep_until(r.retention)
        FROM (SELECT j.retention FROM howdah.job AS j
              WHERE j.retention IS NOT NULL
              GROUP BY j.retention
              -- Somebody may say another one with each job.
              ORDER BY count(*) DESC
              LIMIT 20) AS r
        UNION
        SELECT p.parent, 'at', t.day FROM today AS t, (VALUES ('log'), ('sample')) AS p (parent)
        UNION
        SELECT s.parent, s.keyed_by, s.day FROM stray AS s)
    SELECT DISTINCT n.parent, n.keyed_by, d.day, coalesce(s.strays, 0)
    FROM needed AS n
    CROSS JOIN LATERAL (SELECT n.day + g FROM generate_series(0, p_days) AS g) AS d (day)
    LEFT JOIN stray AS s ON s.parent = n.parent AND s.day = d.day
    WHERE coalesce(s.strays, 0) <= 20000
      AND to_regclass(format('%I.%I', __schema__, howdah.partition_name(n.parent, d.day))) IS NULL
    ORDER BY 1, 3
$$;

-- Makes partitions that are missing. Answers with how many it made, and how many are missing
-- still: since somebody is in the table, or since one transaction must not take longer.
DROP FUNCTION IF EXISTS howdah.make_partitions(int);
CREATE FUNCTION howdah.make_partitions(p_days int) RETURNS TABLE (made bigint, missed bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_moved bigint := 0;
    v_held  text[] := '{}';
    v_seen  text   := '';
    v_day   record;
BEGIN
    made := 0;
    missed := 0;
    FOR v_day IN SELECT * FROM howdah.missing_partitions(p_days) LOOP
        IF v_day.parent <> v_seen THEN
            v_seen := v_day.parent;
            IF howdah.is_held(v_seen, v_seen || '_default') THEN
                v_held := v_held || v_seen;
            END IF;
        END IF;
        IF v_day.parent = ANY (v_held) OR made >= 15 OR v_moved + v_day.strays > 20000 THEN
            missed := missed + 1;
            CONTINUE;
        END IF;
        -- Each by itself: one that fails takes nothing back that was made before.
        BEGIN
            made := made + howdah.make_partition(v_day.parent, v_day.keyed_by, v_day.day)::int;
            v_moved := v_moved + v_day.strays;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            -- The next day would only wait as long, and everybody behind it.
            v_held := v_held || v_day.parent;
            missed := missed + 1;
        END;
    END LOOP;
    RETURN NEXT;
END
$$;

-- Drops the partitions whose day is over: of the archive when the day its jobs are kept until has
-- passed, of the log after p_log_days, of the samples after p_sample_days. Answers with their names.
DROP FUNCTION IF EXISTS howdah.drop_partitions(int);
CREATE OR REPLACE FUNCTION howdah.drop_partitions(
    p_log_days int, p_sample_days int DEFAULT 14
) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '500ms'
AS $$
DECLARE
    v_schema  text := __schema__;
    v_today   date := (howdah.now() AT TIME ZONE 'UTC')::date;
    v_dropped int  := 0;
    v_missed  int  := 0;
    v_over    record;
BEGIN
    FOR v_over IN
        SELECT c.relname AS name, p.relname AS parent
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        JOIN pg_class AS p ON p.oid = i.inhparent
        JOIN pg_namespace AS n ON n.oid = p.relnamespace
        JOIN (VALUES ('archive', 0), ('log', p_log_days), ('sample', p_sample_days))
            AS kept (parent, days) ON kept.parent = p.relname
        WHERE n.nspname = v_schema
          AND c.relname ~ ('^' || kept.parent || '_[0-9]{8}$')
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - kept.days
        ORDER BY 1
    LOOP
        EXIT WHEN v_dropped >= 20 OR v_missed >= 5;
        -- A reader is in it, such as a dump: a later pass drops it.
        IF howdah.is_held(v_over.name, v_over.parent, v_over.parent || '_default') THEN
            v_missed := v_missed + 1;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('DROP TABLE %I.%I', v_schema, v_over.name);
            v_dropped := v_dropped + 1;
            RETURN NEXT v_over.name;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                v_missed := v_missed + 1;
            WHEN undefined_table THEN
                -- Another worker has dropped it meanwhile.
                NULL;
        END;
    END LOOP;
END
$$;

-- Deletes rows of the default partitions whose day is over, and which job waited for which where the
-- waiting one's day is, at most p_limit of each. Answers with how many.
DROP FUNCTION IF EXISTS howdah.delete_strays(int, int);
CREATE OR REPLACE FUNCTION howdah.delete_strays(
    p_log_days int, p_limit int, p_sample_days int DEFAULT 14
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_today    date := (howdah.now() AT TIME ZONE 'UTC')::date;
    v_archived bigint;
    v_logged   bigint;
    v_sampled  bigint;
    v_waited   bigint;
BEGIN
    DELETE FROM howdah.archive_default AS a
    WHERE a.ctid = ANY (ARRAY(
        SELECT s.ctid FROM howdah.archive_default AS s
        WHERE s.keep_until < v_today
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_archived = ROW_COUNT;
    DELETE FROM howdah.log_default AS l
    WHERE l.ctid = ANY (ARRAY(
        SELECT s.ctid FROM howdah.log_default AS s
        WHERE s.at < (v_today - p_log_days)::timestamp AT TIME ZONE 'UTC'
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_logged = ROW_COUNT;
    DELETE FROM howdah.sample_default AS d
    WHERE d.ctid = ANY (ARRAY(
        SELECT s.ctid FROM howdah.sample_default AS s
        WHERE s.at < (v_today - p_sample_days)::timestamp AT TIME ZONE 'UTC'
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_sampled = ROW_COUNT;
    DELETE FROM howdah.dependency AS d
    WHERE d.ctid = ANY (ARRAY(
        SELECT s.ctid FROM howdah.dependency AS s
        WHERE s.keep_until < v_today
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_waited = ROW_COUNT;
    RETURN v_archived + v_logged + v_sampled + v_waited;
END
$$;
