-- Where this schema's workers listen, and the number their idle locks share.

CREATE OR REPLACE FUNCTION howdah.channel() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'howdah_' || md5(__schema__) $$;

CREATE OR REPLACE FUNCTION howdah.idle_lock(p_queue text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT hashtextextended('howdah_' || md5(__schema__) || '/' || p_queue, 0) $$;

-- A UUID v7 (RFC 9562): 48 bits of milliseconds, then a fraction of one in 12 bits (the RFC's method
-- 3), then random. Made here only for senders in SQL: what a trigger sends keeps its order.
CREATE OR REPLACE FUNCTION howdah.uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    SELECT encode(
        overlay(uuid_send(gen_random_uuid())
            -- Version 7 stands between the two.
            PLACING int8send(t.us / 1000 * 65536 + 7 * 4096 + t.us % 1000 * 4096 / 1000)
            FROM 1 FOR 8), 'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS t
$$;

-- The day on which a job that finishes now may go. A retention of null means fourteen days; an
-- endless one ends at 'infinity', which has a partition of its own.
CREATE OR REPLACE FUNCTION howdah.keep_until(p_retention interval) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_retention > interval '1000 years' THEN 'infinity'::date
                ELSE ((howdah.now() + coalesce(p_retention, interval '14 days'))
                      AT TIME ZONE 'UTC')::date + 1 END
$$;

-- A job's errors with one more: the first twenty and the last twenty are kept, or a job that is
-- tried for ever would carry ever more.
CREATE OR REPLACE FUNCTION howdah.with_error(p_errors jsonb, p_error jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN jsonb_array_length(p_errors) >= 40 THEN p_errors - 20
                ELSE coalesce(p_errors, '[]') END || p_error
$$;

-- What a claim tells of a job in one text, so that a job that has none of it costs one look: in how
-- many seconds its deadline is, since whoever comes too late must not begin it; and behind a space
-- the tick of its schedule, in seconds since 1970.
CREATE OR REPLACE FUNCTION howdah.told(p_deadline timestamptz, p_scheduled_for timestamptz)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT nullif(concat(
        CASE WHEN isfinite(p_deadline) THEN extract(epoch FROM p_deadline - howdah.now()) END,
        CASE WHEN isfinite(p_scheduled_for)
             THEN ' ' || extract(epoch FROM p_scheduled_for)::bigint END), '')
$$;
