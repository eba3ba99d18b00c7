-- expand: safe while older workers run
--
-- Windows of sends (throttle, debounce, replace), and deadlines.

-- Which job stands for the sends of a task and key: in a window of time, or, where slot is
-- 'infinity', until it is claimed. Sends of the same key wait here for each other's commit, and
-- for nobody else's. Housekeeping deletes rows whose time is over.
CREATE TABLE howdah.throttle (
    -- When the window begins.
    slot      timestamptz NOT NULL,
    expire_at timestamptz NOT NULL,
    -- When the job was first sent, for a debounce that is not to be put off for ever.
    first_at  timestamptz NOT NULL DEFAULT howdah.now(),
    job_id    uuid        NOT NULL,
    -- The last send that changed the job: one that is repeated must not undo a later one.
    sent_id   uuid        NOT NULL,
    task      text        NOT NULL,
    key       text        NOT NULL,
    PRIMARY KEY (task, key, slot)
) WITH (fillfactor = 50);
CREATE INDEX throttle_expiring ON howdah.throttle (expire_at);

-- A job that was sent with a policy or in a window shares its key with others: there the key says
-- whose policy or window it is.
DROP INDEX howdah.job_key;
CREATE UNIQUE INDEX job_key ON howdah.job (task, key) WHERE key IS NOT NULL AND policy IS NULL;
ALTER TABLE howdah.job
    DROP CONSTRAINT job_policy,
    ADD CONSTRAINT job_policy CHECK (
        policy IN ('short', 'singleton', 'stately', 'exclusive', 'key_strict_fifo', 'window'));

-- Holds rows only for jobs that have a deadline.
CREATE INDEX job_deadline ON howdah.job (deadline)
    WHERE deadline IS NOT NULL AND state <> 'active';
