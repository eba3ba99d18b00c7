-- send: -> created
--
-- Many jobs of one task with the same options, in one statement. The ids are one array literal
-- and the payloads one text cut at RS, a character that JSON text never holds as it is: whatever
-- the driver, the client sends two strings. The ids are new, so nothing looks for a conflict: that
-- would cost a third more. A send that is repeated asks first whether it was carried out (exists).
--
-- A queue that has a policy or a limit, or of which an operator has said something, is asked for
-- each job, as by a single send; those that its policy turns away are not counted.
WITH place AS MATERIALIZED (
    SELECT howdah.must_ask(:queue::text, :task::text, :options::text::jsonb) AS asks),
sent AS (
    INSERT INTO howdah.job (id, queue, task, priority, args, tags, retry, expire_in, retention,
                            start_after, ready_xid, deadline, line, limits, dead_letter)
    SELECT s.id, :queue::text, :task::text, :priority::int8::smallint, s.args::jsonb,
           :tags::text::text[], :retry::text::jsonb,
           :expire_in::float8 * interval '1 second', :retention::float8 * interval '1 second',
           o.start_after,
           CASE WHEN coalesce(o.start_after <= howdah.now(), true) THEN pg_current_xact_id() END,
           o.deadline,
           howdah.line_of(NULL, NULL, s.in_group, string_to_array(s.limits, E'\x1f')),
           string_to_array(s.limits, E'\x1f'), :dead_letter::text
    FROM place AS p
    CROSS JOIN unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e'),
                      string_to_array(:groups::text, E'\x1e', ''),
                      string_to_array(:limits::text, E'\x1e', '')) AS s (id, args, in_group, limits)
    CROSS JOIN (SELECT coalesce(:start_after::text::timestamptz,
                                howdah.now() + :delay::float8 * interval '1 second'),
                       coalesce(:deadline::text::timestamptz,
                                howdah.now() + :deadline_in::float8 * interval '1 second')
               ) AS o (start_after, deadline)
    WHERE NOT p.asks
    RETURNING ready_xid, line),
asked AS (
    SELECT r.created
    FROM place AS p
    CROSS JOIN unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e'),
                      string_to_array(:groups::text, E'\x1e', ''),
                      string_to_array(:limits::text, E'\x1e', '')) AS s (id, args, in_group, limits)
    CROSS JOIN LATERAL howdah.send_receipt(
        :queue::text, :task::text, s.args::jsonb,
        :options::text::jsonb || jsonb_strip_nulls(jsonb_build_object(
            'id', s.id, 'new_id', true, 'group', s.in_group,
            'limits', string_to_array(s.limits, E'\x1f')))) AS r
    WHERE p.asks)
SELECT count(*) + (SELECT count(*) FROM asked AS a WHERE a.created),
       CASE WHEN count(s.line) > 0
            THEN howdah.line_up(:queue::text, :priority::int8::smallint,
                                string_to_array(:quotas::text, ','),
                                array_agg(DISTINCT s.line) FILTER (WHERE s.line IS NOT NULL))::text END,
       CASE WHEN count(s.ready_xid) > 0 THEN howdah.wake(:queue::text, :priority::int8::smallint)::text END
FROM sent AS s
