-- expand: safe while older workers run
--
-- Where to look for the jobs of a line, and for the slots of a limit, so that what an old snapshot
-- keeps of those that are gone is not walked again and again.

-- One row for each line that has claimable jobs, made by who makes them so, such as the send. Without
-- a unique key, as lane is: two first senders must not wait for each other. They hold a lock on it
-- until they have committed; a row is forgotten only when nobody does and nothing is claimable there.
CREATE TABLE howdah.line (
    -- As a worker's hint (functions/04_claim): every claimable job of the line is at or after the
    -- position, or its ready_xid is among the late.
    pos_xid  xid8        NOT NULL DEFAULT '0',
    pos_id   uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    used_at  timestamptz NOT NULL DEFAULT howdah.now(),
    moves    int         NOT NULL DEFAULT 0,
    priority smallint    NOT NULL,
    queue    text        NOT NULL,
    line     text        COLLATE "C" NOT NULL,
    late     xid8[]      NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE INDEX line_place ON howdah.line (queue, priority, line);
-- An index holds no longer one, and the promoter would fail on it for all.
ALTER TABLE howdah.job ADD CONSTRAINT job_line_length CHECK (octet_length(line) <= 1500);
INSERT INTO howdah.line (queue, priority, line)
SELECT DISTINCT j.queue, j.priority, j.line FROM howdah.job AS j WHERE j.line IS NOT NULL;

-- Which claim took it: slots of a quota are found from one on, and those of a few before it. The
-- number is drawn under the lock of the quota, so it rises in the order in which slots are taken;
-- a transaction's own number would not.
CREATE SEQUENCE howdah.taking;
ALTER TABLE howdah.slot ADD COLUMN taking bigint NOT NULL DEFAULT 0;
DROP INDEX howdah.slot_held;
CREATE INDEX slot_held ON howdah.slot (name, taking);
ALTER TABLE howdah.quota
    -- Every slot of the quota was taken by this claim or a later one, or by one of those.
    ADD COLUMN slots_from bigint   NOT NULL DEFAULT 0,
    ADD COLUMN slots_of   bigint[] NOT NULL DEFAULT '{}';
