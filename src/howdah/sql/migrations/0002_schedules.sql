-- expand: safe while older workers run
--
-- Schedules, and the ticks for which they have sent. No worker leads: `fire` moves next_at only
-- from the value that the caller has seen, in the transaction that sends.

CREATE TABLE howdah.schedule (
    name           text        PRIMARY KEY,
    -- Raised by every edit: what was computed from an older one is not written.
    revision       bigint      NOT NULL DEFAULT 1,
    -- The tick that comes next; null when none ever will.
    next_at        timestamptz,
    last_tick      timestamptz,
    last_job_id    uuid,
    paused_at      timestamptz,
    paused_by      text,
    task           text        NOT NULL,
    queue          text        NOT NULL,
    args           jsonb       NOT NULL DEFAULT '{}',
    options        jsonb       NOT NULL DEFAULT '{}',
    cron           text,
    -- Seconds, counted from 1970.
    every          bigint,
    tz             text        NOT NULL DEFAULT 'UTC',
    -- Seconds by which a job may start after its tick.
    jitter         float8      NOT NULL DEFAULT 0,
    overlap        text        NOT NULL DEFAULT 'allow',
    catch_up       text        NOT NULL DEFAULT 'last',
    catch_up_limit int         NOT NULL DEFAULT 100,
    source         text        NOT NULL DEFAULT 'runtime',
    created_at     timestamptz NOT NULL DEFAULT howdah.now(),
    updated_at     timestamptz NOT NULL DEFAULT howdah.now(),
    CONSTRAINT schedule_timing CHECK ((cron IS NULL) <> (every IS NULL)),
    CONSTRAINT schedule_every CHECK (every >= 1),
    CONSTRAINT schedule_overlap CHECK (overlap IN ('allow', 'skip')),
    CONSTRAINT schedule_catch_up CHECK (catch_up IN ('none', 'last', 'all')),
    CONSTRAINT schedule_source CHECK (source IN ('code', 'runtime'))
) WITH (fillfactor = 50);

CREATE INDEX schedule_due ON howdah.schedule (next_at) WHERE paused_at IS NULL;

-- One row for each tick that was dealt with, kept for a day: the key lets no tick be sent twice,
-- not even by a schedule that was deleted and made again. Without a job when it was skipped.
CREATE TABLE howdah.tick (
    nominal  timestamptz NOT NULL,
    job_id   uuid,
    schedule text        NOT NULL,
    PRIMARY KEY (nominal, schedule)
);
