-- aged: how many steps of priority the oldest claimable job of a lane is worth more for its waiting
--
-- Of the jobs that stand in lines, as many lines are looked at as a claim can pay for: all of them
-- where there are few, else some that are drawn by lot anew each time. So whichever line has the
-- oldest job, some claim soon looks there. Lines that a failed job blocks do not count: the lane
-- would come first for a job that nobody may claim, and those beside it would profit.
--
-- An index by age would leave nothing to chance. But every job in a line would pay for it at its send
-- and at its claim; behind an old snapshot each look would walk what has gone from its front, where
-- lines have positions; and there blocked keys would stand, however many their jobs.

CREATE OR REPLACE FUNCTION howdah.aged(
    p_ageing jsonb, p_queue text, p_priority smallint, p_from xid8
) RETURNS float8
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    -- Not in SQL, whose plan would be made anew by each claim.
    RETURN (
    WITH lot AS MATERIALIZED (
        SELECT random() AS number),
    later AS MATERIALIZED (
        SELECT l.line, l.pos_xid, l.pos_id, l.late
        FROM howdah.line AS l
        WHERE l.priority::text || l.queue = p_priority::text || p_queue
          AND l.lot >= (SELECT t.number FROM lot AS t)
          AND l.queue = p_queue AND l.priority = p_priority
        ORDER BY l.lot
        LIMIT 50),
    sooner AS MATERIALIZED (
        SELECT l.line, l.pos_xid, l.pos_id, l.late
        FROM howdah.line AS l
        WHERE l.priority::text || l.queue = p_priority::text || p_queue
          AND l.lot < (SELECT t.number FROM lot AS t)
          AND l.queue = p_queue AND l.priority = p_priority
        ORDER BY l.lot
        LIMIT 50 - (SELECT count(*) FROM later)),
    -- As next_lines looks: from each line's position, and at its late transactions.
    oldest AS (
        (SELECT j.created_at
         FROM howdah.job AS j
         WHERE j.queue = p_queue AND j.priority = p_priority
           AND j.ready_xid IS NOT NULL AND j.line IS NULL AND j.ready_xid >= p_from
         ORDER BY j.ready_xid, j.id
         LIMIT 1)
        UNION ALL
        SELECT f.created_at
        FROM (SELECT * FROM later AS a UNION ALL SELECT * FROM sooner AS b) AS l
        CROSS JOIN LATERAL (
            (SELECT j.created_at
             FROM howdah.job AS j
             WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
               AND j.ready_xid IS NOT NULL AND (j.ready_xid, j.id) >= (l.pos_xid, l.pos_id)
             ORDER BY j.ready_xid, j.id
             LIMIT 1)
            UNION ALL
            SELECT o.created_at
            FROM unnest(l.late) AS s (x)
            CROSS JOIN LATERAL (
                SELECT j.created_at
                FROM howdah.job AS j
                WHERE j.queue = p_queue AND j.priority = p_priority AND j.line = l.line
                  AND j.ready_xid = s.x
                LIMIT 1) AS o) AS f
        WHERE NOT EXISTS (
            SELECT FROM howdah.blocked_key AS b
            WHERE b.queue = p_queue AND b.line = l.line))
    SELECT coalesce(max(greatest(extract(epoch FROM howdah.now() - o.created_at), 0))
                    / CASE WHEN jsonb_typeof(p_ageing) = 'number'
                           THEN least(greatest((p_ageing #>> '{}')::numeric, 0.001), 1e9)::float8 END, 0)
    FROM oldest AS o);
END
$$;
