-- expand: safe while older workers run
--
-- What an operator asks of a worker while it runs, and the memory that it tells with its beat. A
-- worker reads what is asked of it once a second.

ALTER TABLE howdah.worker
    -- Resident bytes of the process that executes.
    ADD COLUMN memory             bigint,
    -- Kept apart from `concurrency`, which says how it was started; null: as it was started.
    ADD COLUMN wanted_concurrency int,
    -- It finishes what runs, and claims nothing.
    ADD COLUMN paused_at          timestamptz,
    ADD COLUMN paused_by          text,
    -- It is to leave, as after a SIGTERM.
    ADD COLUMN stop_asked_at      timestamptz,
    ADD CONSTRAINT worker_wanted CHECK (wanted_concurrency > 0);
