-- send: -> created
--
-- As send_receipt, for the job about which the code of its sender says nothing: no option, no word
-- of its queue, a new id. Most jobs are such, and this costs the server two thirds of the other.
-- What an operator has said something about goes the long way all the same.

CREATE OR REPLACE FUNCTION howdah.send_plain(
    p_queue text, p_task text, p_args jsonb, p_id uuid, OUT id uuid, OUT created boolean
) RETURNS record
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    IF jsonb_typeof(p_args) = 'object'
       AND NOT EXISTS (
           SELECT FROM howdah.queue AS q
           WHERE q.name = p_queue AND q.override <> '{}')
       AND NOT EXISTS (
           SELECT FROM howdah.pause AS p
           WHERE p.kind = 'task' AND p.name = p_task) THEN
        INSERT INTO howdah.job (id, queue, task, args, ready_xid)
        VALUES (p_id, p_queue, p_task, p_args, howdah.turn())
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM howdah.wake(p_queue, 0::smallint);
            id := p_id;
            created := true;
            RETURN;
        END IF;
    END IF;
    SELECT r.id, r.created INTO id, created
    FROM howdah.send_receipt(p_queue, p_task, p_args, jsonb_build_object(
        'id', p_id, 'new_id', true, 'defaults', jsonb '{}')) AS r;
END
$$;
