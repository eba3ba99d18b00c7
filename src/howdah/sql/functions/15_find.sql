-- find: the jobs that fit a filter, live or archived, a page at a time, by id
--
-- A filter is a JSON object, and a job fits when all of it holds: state (one, or an array of which
-- any will do), queue, task, key, tags (one, or an array all of which it has), created_after,
-- created_before, finished_after, finished_before (at or after, and before, a moment), args (what
-- its arguments contain), error (what one of its errors says, in any case).
--
-- The statement is put together of what the filter names, and planned for these values. One text
-- for all filters (`parameter IS NULL OR ...`) has one plan for all of them in the end, which
-- walks the archive from its newest job on for whatever is asked. With the states as constants
-- Postgres itself sees by the checks of the two tables which of them can hold none.
-- docs/finding-jobs.md says what each filter costs.

CREATE OR REPLACE FUNCTION howdah.find(
    p_filter jsonb, p_after uuid DEFAULT NULL, p_newest boolean DEFAULT true, p_limit bigint DEFAULT NULL
) RETURNS SETOF howdah.jobs
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE howdah.search('v.*', p_filter, p_after, p_newest, p_limit);
END
$$;

-- Their ids alone.
CREATE OR REPLACE FUNCTION howdah.find_ids(
    p_filter jsonb, p_after uuid DEFAULT NULL, p_newest boolean DEFAULT true, p_limit bigint DEFAULT NULL
) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE howdah.search('v.id', p_filter, p_after, p_newest, p_limit);
END
$$;

-- How many jobs fit.
CREATE OR REPLACE FUNCTION howdah.count_fitting(p_filter jsonb) RETURNS bigint
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) AS v', howdah.search('', p_filter)) INTO v_count;
    RETURN v_count;
END
$$;

-- For a filter by time: the days of the archive that have something of that time, as a condition;
-- null where none can be left out. A page in order of id is merged from all days, and a day that
-- has nothing would be walked from end to end to find its first.
CREATE OR REPLACE FUNCTION howdah.days_fitting(p_filter jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_times text[] := '{created_after,created_before,finished_after,finished_before}';
    v_where text;
    v_days  date[] := '{}';
    v_name  text;
    v_fits  boolean;
BEGIN
    IF NOT p_filter ?| v_times THEN
        RETURN NULL;
    END IF;
    SELECT howdah.fitting(jsonb_object_agg(f.key, f.value)) INTO v_where
    FROM jsonb_each(p_filter) AS f
    WHERE f.key = ANY (v_times);
    FOR v_name IN
        SELECT c.relname
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(format('%I.archive', __schema__))
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I AS v WHERE %s)', __schema__, v_name, v_where)
        INTO v_fits;
        CONTINUE WHEN NOT v_fits;
        IF v_name = 'archive_default' THEN
            RETURN NULL;
        END IF;
        v_days := v_days || CASE v_name WHEN 'archive_endless' THEN 'infinity'
                                        ELSE to_date(right(v_name, 8), 'YYYYMMDD') END;
    END LOOP;
    RETURN format('(v.keep_until IS NULL OR v.keep_until = ANY (%L::date[]))', v_days);
END
$$;

-- A filter as the words of a WHERE. Raises HW005 for one that makes no sense.
CREATE OR REPLACE FUNCTION howdah.fitting(p_filter jsonb) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_known   text[] := ARRAY['state', 'queue', 'task', 'key', 'tags', 'created_after',
                              'created_before', 'finished_after', 'finished_before', 'args', 'error'];
    v_unknown text;
BEGIN
    IF jsonb_typeof(p_filter) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'cannot find jobs by %: a filter is a JSON object', coalesce(p_filter::text, 'null')
            USING ERRCODE = 'HW005', DETAIL = '{}';
    END IF;
    SELECT k INTO v_unknown FROM jsonb_object_keys(p_filter - v_known) AS k ORDER BY k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no filter %: the filters are %',
            quote_literal(v_unknown), array_to_string(v_known, ', ')
            USING ERRCODE = 'HW005', DETAIL = jsonb_build_object('option', v_unknown)::text;
    END IF;
    RETURN (
        SELECT concat_ws(' AND ', 'true', string_agg(
            CASE e.key
            WHEN 'state' THEN format('v.state = ANY (%L::text[])', howdah.words(e.value))
            WHEN 'tags' THEN format('v.tags @> %L::text[]', howdah.words(e.value))
            WHEN 'created_after' THEN format('v.created_at >= %L::timestamptz', e.value #>> '{}')
            WHEN 'created_before' THEN format('v.created_at < %L::timestamptz', e.value #>> '{}')
            WHEN 'finished_after' THEN format('v.finished_at >= %L::timestamptz', e.value #>> '{}')
            WHEN 'finished_before' THEN format('v.finished_at < %L::timestamptz', e.value #>> '{}')
            WHEN 'args' THEN format('v.args @> %L::jsonb', e.value)
            WHEN 'error' THEN format(
                'v.errors IS NOT NULL AND EXISTS ('
                'SELECT FROM jsonb_array_elements(v.errors) AS e WHERE strpos('
                'lower(concat(e ->> ''type'', '': '', e ->> ''message'')), lower(%L)) > 0)',
                e.value #>> '{}')
            ELSE format('v.%I = %L', e.key, e.value #>> '{}')
            END, ' AND ' ORDER BY e.key))
        FROM jsonb_each(p_filter) AS e
        WHERE e.value <> 'null');
END
$$;

-- One word, or an array of them, as an array.
CREATE OR REPLACE FUNCTION howdah.words(p_said jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE jsonb_typeof(p_said)
           WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(p_said))
           ELSE ARRAY[p_said #>> '{}'] END
$$;

-- The statement that finds the jobs that fit; in order only where a page of them is asked for.
CREATE OR REPLACE FUNCTION howdah.search(
    p_columns text, p_filter jsonb, p_after uuid DEFAULT NULL, p_newest boolean DEFAULT NULL,
    p_limit bigint DEFAULT NULL
) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ',
        format('SELECT %s FROM %I.jobs AS v WHERE %s', p_columns, __schema__, howdah.fitting(p_filter)),
        'AND ' || howdah.days_fitting(p_filter),
        CASE WHEN p_newest THEN 'AND v.id < ' ELSE 'AND v.id > ' END || quote_literal(p_after),
        CASE p_newest WHEN true THEN 'ORDER BY v.id DESC' WHEN false THEN 'ORDER BY v.id' END,
        'LIMIT ' || p_limit)
$$;
