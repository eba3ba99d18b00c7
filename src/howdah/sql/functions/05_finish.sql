-- finish: active -> completed, failed, expired, cancelled
--
-- Moves finished jobs into the archive, many in one statement, and answers with how many of them
-- were still the caller's (id and fence as given, in a state of p_from) and, when some were not,
-- with the ids that were. The others are lost: somebody else owns them now, or they are over.
-- An outcome names (id, fence), so it may be repeated after a reply that never came.
-- A job of a key_strict_fifo queue that failed blocks its key, in the same statement.

CREATE OR REPLACE FUNCTION howdah.finish(
    p_ids uuid[], p_fences bigint[], p_states text[], p_results text[], p_errors text[],
    p_from text[] DEFAULT '{active}'
) RETURNS TABLE (applied bigint, ids text)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_keep   date := howdah.keep_until(NULL);
    v_quotas text[];
    v_queues text[];
    v_over   jsonb;
    v_dead   uuid[];
BEGIN
    -- On the primary key, and on nothing else: see docs/internals/storage.md for what an index
    -- on (worker_id, id) did to this plan. `= ANY (ARRAY[...])` and not `=`: that could also be
    -- merged by order, so the planner would know how to read the whole index of the table first,
    -- and does where it takes the table for empty. This way an outcome can only look up its job.
    WITH gone AS (
        DELETE FROM howdah.job AS j
        USING unnest(p_ids, p_fences, p_states, p_results, p_errors)
            AS o (id, fence, outcome, result, error)
        WHERE j.id = ANY (ARRAY[o.id])
          AND j.fence = o.fence
          AND j.state = ANY (p_from)
        RETURNING j.*, o.outcome, o.result, o.error),
    kept AS (
        INSERT INTO howdah.archive (
            keep_until, finished_at, fence, worker_id, created_at, start_after, started_at, id,
            attempt, priority, crash_count, state, queue, task, args, key, tags, retry,
            expire_in, retention, cancel_reason, progress, errors, result,
            deadline, line, limits, policy, flow_id, dead_letter, source, sending,
            scheduled_for)
        SELECT CASE WHEN g.retention IS NULL THEN v_keep ELSE howdah.keep_until(g.retention) END,
               howdah.now(), g.fence, g.worker_id, g.created_at,
               g.start_after, g.started_at, g.id, g.attempt, g.priority, g.crash_count, g.outcome,
               g.queue, g.task, g.args, g.key, g.tags, g.retry, g.expire_in, g.retention,
               g.cancel_reason, g.progress,
               CASE WHEN g.error IS NULL THEN g.errors
                    ELSE howdah.with_error(g.errors, g.error::jsonb) END,
               g.result::jsonb, g.deadline, g.line, g.limits, g.policy, g.flow_id, g.dead_letter,
               g.source, g.sending, g.scheduled_for
        FROM gone AS g),
    freed AS (
        DELETE FROM howdah.slot AS s
        USING gone AS g
        WHERE g.limits IS NOT NULL AND s.job_id = g.id
        RETURNING s.name),
    blocked AS (
        INSERT INTO howdah.blocked_key (queue, line, job_id)
        SELECT g.queue, g.line, g.id
        FROM gone AS g
        WHERE g.policy = 'key_strict_fifo' AND g.outcome IN ('failed', 'expired')
          AND g.line IS NOT NULL
        ON CONFLICT DO NOTHING)
    SELECT count(*),
           CASE WHEN count(*) < cardinality(p_ids)
                THEN coalesce(string_agg(g.id::text, ','), '') END,
           (SELECT array_agg(DISTINCT f.name) FROM freed AS f),
           array_agg(DISTINCT g.queue) FILTER (WHERE g.line IS NOT NULL),
           jsonb_agg(howdah.ending(
               g.id, g.task, g.outcome, g.result::jsonb, coalesce(g.error::jsonb, g.errors -> -1),
               CASE WHEN g.retention IS NULL THEN v_keep ELSE howdah.keep_until(g.retention) END))
               FILTER (WHERE g.flow_id IS NOT NULL),
           array_agg(g.id) FILTER (
               WHERE g.dead_letter IS NOT NULL AND g.outcome = ANY ('{failed,expired}'))
    INTO applied, ids, v_quotas, v_queues, v_over, v_dead
    FROM gone AS g;
    -- Who was held up may go on. Plain jobs hold up nobody.
    IF v_queues IS NOT NULL THEN
        PERFORM howdah.wake_queues(v_queues);
    END IF;
    IF v_quotas IS NOT NULL THEN
        PERFORM howdah.wake_quotas(v_quotas);
    END IF;
    IF v_over IS NOT NULL THEN
        PERFORM howdah.follow(v_over);
    END IF;
    IF v_dead IS NOT NULL THEN
        PERFORM howdah.bury(v_dead);
    END IF;
    RETURN NEXT;
END
$$;

-- complete: active -> completed
--
-- Completes one job in the caller's own transaction, so that its effects and its completion are
-- one. Raises HW001 when the claim is over, so that the whole transaction rolls back.
CREATE OR REPLACE FUNCTION howdah.complete(
    p_id uuid, p_fence bigint, p_result jsonb DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_applied bigint;
BEGIN
    SELECT f.applied INTO v_applied
    FROM howdah.finish(ARRAY[p_id], ARRAY[p_fence], ARRAY['completed'], ARRAY[p_result::text],
                       ARRAY[NULL]::text[]) AS f;
    IF v_applied = 0 THEN
        RAISE EXCEPTION 'cannot complete job %: its claim % is over', p_id, p_fence
            USING ERRCODE = 'HW001', DETAIL = jsonb_build_object('job_id', p_id)::text;
    END IF;
END
$$;
