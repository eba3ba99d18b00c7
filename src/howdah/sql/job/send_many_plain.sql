-- send: -> created
--
-- As send_many, for jobs about which nothing is said. The insert is as plain as can be: it returns
-- nothing, and what is asked before is asked once and not joined to each row, since either would
-- cost a tenth of it.
WITH place AS MATERIALIZED (
    SELECT howdah.must_ask(:queue::text, :task::text, NULL) AS asks),
sent AS (
    INSERT INTO howdah.job (id, queue, task, args, ready_xid)
    SELECT s.id, :queue::text, :task::text, s.args::jsonb, howdah.turn()
    FROM unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e')) AS s (id, args)
    WHERE NOT (SELECT p.asks FROM place AS p)),
asked AS (
    -- What a repeated send finds under its own id is its own.
    SELECT s.place, r.id, r.created OR r.id = s.id AS is_own
    FROM place AS p
    CROSS JOIN unnest(:ids::text::uuid[], string_to_array(:args::text, E'\x1e'))
        WITH ORDINALITY AS s (id, args, place)
    CROSS JOIN LATERAL howdah.send_plain(:queue::text, :task::text, s.args::jsonb, s.id) AS r
    WHERE p.asks)
SELECT CASE WHEN p.asks THEN (SELECT count(*) FROM asked AS a WHERE a.is_own)
            ELSE :count::int8 END,
       CASE WHEN p.asks THEN (SELECT string_agg(a.place || ' ' || a.id, ',')
                              FROM asked AS a WHERE NOT a.is_own) END,
       CASE WHEN NOT p.asks THEN howdah.wake(:queue::text, 0::smallint)::text END
FROM place AS p
