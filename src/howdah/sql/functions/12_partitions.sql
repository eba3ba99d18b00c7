-- Day partitions of archive and log: made ahead, dropped when their day is over.
--
-- A partition is named after its day: archive_20261123. Locks are waited for only briefly, so
-- that housekeeping never stands in front of senders and workers; what did not work now is done
-- by a later pass.

-- Makes the partition of one day, and moves into it what the default partition holds of that day.
CREATE OR REPLACE FUNCTION howdah.make_partition(p_parent text, p_column text, p_day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '500ms'
SET timezone = 'UTC'
AS $$
DECLARE
    v_schema text := __schema__;
    v_name   text := p_parent || to_char(p_day, '_YYYYMMDD');
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
        'WITH moved AS (DELETE FROM %I.%I WHERE %I >= %L AND %I < %L RETURNING *)'
        ' INSERT INTO %I.%I SELECT * FROM moved',
        v_schema, p_parent || '_default', p_column, p_day, p_column, p_day + 1, v_schema, v_name);
    EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                   v_schema, p_parent, v_schema, v_name, p_day, p_day + 1);
    RETURN true;
END
$$;

-- Makes the partitions that the coming p_days will need, and those of rows that stand in the
-- default partition. Answers with how many it made.
CREATE OR REPLACE FUNCTION howdah.make_partitions(p_days int) RETURNS int
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_made int := 0;
    v_day  date;
BEGIN
    FOR v_day IN
        SELECT howdah.keep_until(NULL) + n FROM generate_series(0, p_days) AS n
        UNION
        SELECT DISTINCT a.keep_until FROM howdah.archive_default AS a WHERE a.keep_until < 'infinity'
        ORDER BY 1
    LOOP
        v_made := v_made + howdah.make_partition('archive', 'keep_until', v_day)::int;
    END LOOP;
    FOR v_day IN
        SELECT (howdah.now() AT TIME ZONE 'UTC')::date + n FROM generate_series(0, p_days) AS n
        UNION
        SELECT DISTINCT (l.at AT TIME ZONE 'UTC')::date FROM howdah.log_default AS l
        ORDER BY 1
    LOOP
        v_made := v_made + howdah.make_partition('log', 'at', v_day)::int;
    END LOOP;
    RETURN v_made;
EXCEPTION WHEN lock_not_available THEN
    RETURN v_made;
END
$$;

-- Drops the partitions whose day is over: of the archive when the day its jobs are kept until has
-- passed, of the log after p_log_days. Answers with their names.
CREATE OR REPLACE FUNCTION howdah.drop_partitions(p_log_days int) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '500ms'
AS $$
DECLARE
    v_schema text := __schema__;
    v_today  date := (howdah.now() AT TIME ZONE 'UTC')::date;
    v_name   text;
BEGIN
    FOR v_name IN
        SELECT c.relname
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        JOIN pg_class AS p ON p.oid = i.inhparent
        JOIN pg_namespace AS n ON n.oid = p.relnamespace
        WHERE n.nspname = v_schema
          AND c.relname ~ '^(archive|log)_[0-9]{8}$'
          AND ((p.relname = 'archive' AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_today)
            OR (p.relname = 'log' AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - p_log_days))
        ORDER BY 1
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE IF EXISTS %I.%I', v_schema, v_name);
            RETURN NEXT v_name;
        EXCEPTION WHEN lock_not_available THEN
            -- A reader is in it, such as a dump: a later pass drops it.
            NULL;
        END;
    END LOOP;
END
$$;
