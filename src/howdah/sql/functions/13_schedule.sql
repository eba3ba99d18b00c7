-- fire: sends the jobs of ticks that are due, and moves their schedules on
--
-- Each order names a schedule with the revision and the next_at from which its caller computed:
-- {"name", "revision", "expected", "next", "ticks": [...]}, moments as whole seconds since 1970.
-- A schedule that was moved, edited, paused or deleted since is left alone, as is one that another
-- caller is firing. So any number of workers may fire at once: whoever comes first moves it, and
-- a caller that dies moves nothing and sends nothing.

CREATE OR REPLACE FUNCTION howdah.fire(p_orders jsonb) RETURNS TABLE (fired bigint, skipped bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_fired    bigint := 0;
    v_skipped  bigint := 0;
    v_job      uuid;
    v_last_job uuid;
    v_tick     timestamptz;
    v          record;
BEGIN
    FOR v IN
        SELECT s.name, s.task, s.queue, s.args, s.options, s.jitter, s.overlap, s.last_job_id,
               o.next, o.ticks
        FROM jsonb_to_recordset(p_orders)
            AS o (name text, revision bigint, expected bigint, next bigint, ticks bigint[])
        JOIN howdah.schedule AS s ON s.name = o.name
        WHERE s.revision = o.revision
          AND s.next_at = to_timestamp(o.expected)
          AND s.paused_at IS NULL
        FOR UPDATE OF s SKIP LOCKED
    LOOP
        v_last_job := v.last_job_id;
        FOR v_tick IN SELECT to_timestamp(t) FROM unnest(v.ticks) AS t LOOP
            v_job := CASE WHEN v.overlap = 'allow' OR NOT howdah.is_live(v_last_job)
                          THEN howdah.uuid7() END;
            INSERT INTO howdah.tick (nominal, schedule, job_id)
            VALUES (v_tick, v.name, v_job)
            ON CONFLICT DO NOTHING;
            CONTINUE WHEN NOT FOUND;
            IF v_job IS NULL THEN
                v_skipped := v_skipped + 1;
                CONTINUE;
            END IF;
            v_last_job := howdah.send(
                v.queue, v.task, v.args,
                v.options || jsonb_build_object('id', v_job, 'new_id', true)
                || CASE WHEN v.jitter > 0
                        THEN jsonb_build_object(
                            'start_after', v_tick + random() * v.jitter * interval '1 second')
                        ELSE '{}' END);
            IF v_last_job <> v_job THEN
                UPDATE howdah.tick SET job_id = v_last_job
                WHERE nominal = v_tick AND schedule = v.name;
            END IF;
            v_fired := v_fired + 1;
        END LOOP;
        UPDATE howdah.schedule AS s
        SET next_at     = to_timestamp(v.next),
            last_tick   = coalesce(to_timestamp(v.ticks[cardinality(v.ticks)]), s.last_tick),
            last_job_id = v_last_job
        WHERE s.name = v.name;
    END LOOP;
    RETURN QUERY SELECT v_fired, v_skipped;
END
$$;

CREATE OR REPLACE FUNCTION howdah.is_live(p_job uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT EXISTS (SELECT FROM howdah.job AS j WHERE j.id = p_job) $$;


-- run_schedule: sends a job of a schedule now, whatever its ticks, also while it is paused
--
-- Where jobs may not overlap, the answer is the job that has not finished. No row: no schedule.
CREATE OR REPLACE FUNCTION howdah.run_schedule(p_name text) RETURNS TABLE (id uuid, created boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v         howdah.schedule;
    v_receipt record;
BEGIN
    SELECT s.* INTO v FROM howdah.schedule AS s WHERE s.name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v.overlap = 'skip' AND howdah.is_live(v.last_job_id) THEN
        RETURN QUERY SELECT v.last_job_id, false;
        RETURN;
    END IF;
    SELECT r.id, r.created INTO v_receipt
    FROM howdah.send_receipt(v.queue, v.task, v.args, v.options || '{"new_id": true}') AS r;
    UPDATE howdah.schedule AS s SET last_job_id = v_receipt.id WHERE s.name = p_name;
    RETURN QUERY SELECT v_receipt.id, v_receipt.created;
END
$$;
