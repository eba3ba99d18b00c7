-- Stores schedules, each as a JSON object. One that is there already is edited: its pause stays,
-- and so does its next tick, unless it is due at other times now. One that is the same stays as
-- it is, with the ticks that it missed.
WITH given AS (
    SELECT s.*
    FROM jsonb_to_recordset(:schedules::text::jsonb)
        AS s (name text, task text, queue text, args jsonb, options jsonb, cron text, every bigint,
              tz text, jitter float8, overlap text, catch_up text, catch_up_limit int,
              next_at bigint, is_paused boolean)),
put AS (
    INSERT INTO howdah.schedule AS s (name, task, queue, args, options, cron, every, tz, jitter,
                                      overlap, catch_up, catch_up_limit, next_at, source, paused_at)
    SELECT g.name, g.task, g.queue, g.args, g.options, g.cron, g.every, g.tz, g.jitter,
           g.overlap, g.catch_up, g.catch_up_limit, to_timestamp(g.next_at), :source::text,
           CASE WHEN g.is_paused THEN howdah.now() END
    FROM given AS g
    ORDER BY g.name
    ON CONFLICT (name) DO UPDATE
    SET task           = excluded.task,
        queue          = excluded.queue,
        args           = excluded.args,
        options        = excluded.options,
        cron           = excluded.cron,
        every          = excluded.every,
        tz             = excluded.tz,
        jitter         = excluded.jitter,
        overlap        = excluded.overlap,
        catch_up       = excluded.catch_up,
        catch_up_limit = excluded.catch_up_limit,
        source         = excluded.source,
        paused_at      = coalesce(s.paused_at, excluded.paused_at),
        revision       = s.revision + 1,
        updated_at     = howdah.now(),
        next_at        = CASE WHEN (s.cron, s.every, s.tz)
                                   IS DISTINCT FROM (excluded.cron, excluded.every, excluded.tz)
                              THEN excluded.next_at ELSE s.next_at END
    WHERE (s.task, s.queue, s.args, s.options, s.cron, s.every, s.tz, s.jitter, s.overlap,
           s.catch_up, s.catch_up_limit, s.source)
          IS DISTINCT FROM
          (excluded.task, excluded.queue, excluded.args, excluded.options, excluded.cron,
           excluded.every, excluded.tz, excluded.jitter, excluded.overlap, excluded.catch_up,
           excluded.catch_up_limit, excluded.source)
       OR (s.paused_at IS NULL AND excluded.paused_at IS NOT NULL)
    RETURNING s.name)
SELECT p.name FROM put AS p ORDER BY p.name
