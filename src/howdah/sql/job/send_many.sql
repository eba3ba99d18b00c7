-- send: -> created
--
-- Many jobs of one task with the same options, in one statement. The ids are one array literal
-- and the payloads one text cut at RS, a character that JSON text never holds as it is: whatever
-- the driver, the client sends two strings. The ids are new, so nothing looks for a conflict: that
-- would cost a third more. A send that is repeated asks first whether it was carried out (exist).
--
-- A queue that has a policy or a limit, or of which an operator has said something, is asked for
-- each job, as by a single send; those that its policy turns away are not counted. The second
-- column tells them: the place of each, and the job that is in its way.
WITH place AS MATERIALIZED (
    SELECT howdah.must_ask(:queue::text, :task::text, :options::text::jsonb) AS asks),
sent AS (
    INSERT INTO howdah.job (id, queue, task, priority, args, tags, retry, expire_in, retention,
                            start_after, ready_xid, deadline, line, limits, dead_letter)
    SELECT s.id, :queue::text, :task::text, o.priority, s.args::jsonb, o.tags, o.retry,
           o.expire_in, o.retention, o.start_after,
           CASE WHEN coalesce(o.start_after <= howdah.now(), true) THEN howdah.turn() END,
           o.deadline,
           -- Asked only where there may be one: for a plain job it would cost as much as half of
           -- all that is left of the insert.
           CASE WHEN s.in_group IS NOT NULL OR s.limits IS NOT NULL
                THEN howdah.line_of(NULL, NULL, s.in_group, string_to_array(s.limits, E'\x1f')) END,
           CASE WHEN s.limits IS NOT NULL THEN string_to_array(s.limits, E'\x1f') END,
           o.dead_letter
    FROM place AS p
    CROSS JOIN unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e'),
                      string_to_array(:groups::text, E'\x1e', ''),
                      string_to_array(:limits::text, E'\x1e', '')) AS s (id, args, in_group, limits)
    -- What all of them have is reckoned once.
    CROSS JOIN (SELECT :priority::int8::smallint, :tags::text::text[], :retry::text::jsonb,
                       :expire_in::float8 * interval '1 second',
                       :retention::float8 * interval '1 second',
                       coalesce(:start_after::text::timestamptz,
                                howdah.now() + :delay::float8 * interval '1 second'),
                       coalesce(:deadline::text::timestamptz,
                                howdah.now() + :deadline_in::float8 * interval '1 second'),
                       :dead_letter::text
                OFFSET 0) AS o (priority, tags, retry, expire_in, retention, start_after, deadline,
                                dead_letter)
    WHERE NOT p.asks
    RETURNING ready_xid, line),
asked AS (
    -- What a repeated send finds under its own id is its own.
    SELECT s.place, r.id, r.created OR r.id = s.id AS is_own
    FROM place AS p
    CROSS JOIN unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e'),
                      string_to_array(:groups::text, E'\x1e', ''),
                      string_to_array(:limits::text, E'\x1e', ''))
        WITH ORDINALITY AS s (id, args, in_group, limits, place)
    CROSS JOIN LATERAL howdah.send_receipt(
        :queue::text, :task::text, s.args::jsonb,
        :options::text::jsonb || jsonb_strip_nulls(jsonb_build_object(
            'id', s.id, 'new_id', true, 'group', s.in_group,
            'limits', string_to_array(s.limits, E'\x1f')))) AS r
    WHERE p.asks)
SELECT count(*) + (SELECT count(*) FROM asked AS a WHERE a.is_own),
       (SELECT string_agg(a.place || ' ' || a.id, ',') FROM asked AS a WHERE NOT a.is_own),
       CASE WHEN count(s.line) > 0
            THEN howdah.line_up(:queue::text, :priority::int8::smallint,
                                string_to_array(:quotas::text, ','),
                                array_agg(DISTINCT s.line) FILTER (WHERE s.line IS NOT NULL))::text END,
       CASE WHEN count(s.ready_xid) > 0 THEN howdah.wake(:queue::text, :priority::int8::smallint)::text END
FROM sent AS s
