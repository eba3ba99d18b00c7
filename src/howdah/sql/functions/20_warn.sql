-- warn: keeps what workers warn of, one row for each kind and subject while it lasts.
--
-- Answers for each with whether it is new. Whoever warns of what is warned of already raises its
-- count. What nobody has warned of for 15 minutes is over; the next time it is another warning.

CREATE OR REPLACE FUNCTION howdah.warn(p_warnings jsonb)
RETURNS TABLE (kind text, subject text, is_new boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    UPDATE howdah.warning AS w
    SET is_open = false
    WHERE w.id = ANY (ARRAY(
        SELECT o.id FROM howdah.warning AS o
        WHERE o.is_open AND o.last_at < howdah.now() - interval '15 minutes'
        FOR UPDATE SKIP LOCKED));
    RETURN QUERY
    INSERT INTO howdah.warning AS w (kind, subject, queue, count, text, facts)
    SELECT n.kind, n.subject, n.queue, n.count, n.text, n.facts
    FROM jsonb_to_recordset(p_warnings)
        AS n (kind text, subject text, queue text, count bigint, text text, facts jsonb)
    -- In one order, so that two who warn of the same things do not wait for each other in a ring.
    ORDER BY n.kind, n.subject
    ON CONFLICT (kind, subject) WHERE is_open DO UPDATE
        SET last_at = howdah.now(), count = w.count + excluded.count,
            text = excluded.text, facts = excluded.facts
    RETURNING w.kind, w.subject, w.xmax = '0'::xid;
END
$$;
