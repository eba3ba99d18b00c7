-- expand: safe while older workers run
--
-- Where to look for the first and for the running job of a line in which only one may run, so that
-- what an old snapshot keeps of those that are gone is not walked again and again.

-- For a line of a key_strict_fifo or stately queue made by the send, for one of a singleton queue by a
-- claim. Without a unique key, as line is: of two rows of a line both hold. See functions/15_head.
CREATE TABLE howdah.line_head (
    -- Every job of the line was sent at this number or later; or so one of its other rows says.
    sent_from bigint      NOT NULL DEFAULT 0,
    -- What runs in the line runs in this lap; or so one of its other rows says, which is higher.
    lap       bigint      NOT NULL DEFAULT 0,
    used_at   timestamptz NOT NULL DEFAULT howdah.now(),
    moves     int         NOT NULL DEFAULT 0,
    queue     text        NOT NULL,
    line      text        COLLATE "C" NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX line_head_place ON howdah.line_head (queue, line);
INSERT INTO howdah.line_head (queue, line)
SELECT DISTINCT j.queue, j.line
FROM howdah.job AS j
WHERE j.policy IN ('key_strict_fifo', 'stately') AND j.line IS NOT NULL;

-- The lap of its line in which a job runs. Null for what runs in no such line.
ALTER TABLE howdah.job ADD COLUMN lap bigint;
-- The belt to the look that a claim takes under the lock of the queue's row. By laps, since each that
-- comes in walks all that were there before it.
DROP INDEX howdah.job_alone;
CREATE UNIQUE INDEX job_alone ON howdah.job (queue, line, (coalesce(lap, 0)))
    WHERE state = 'active' AND policy IN ('singleton', 'stately', 'key_strict_fifo');
