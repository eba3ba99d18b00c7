-- expand: safe while older workers run
--
-- The order in which jobs of a strict queue were sent, all the jobs that block a key, and lines that
-- can be drawn by chance.

-- Drawn by the send of a key_strict_fifo or stately job, whose turns are those of the sends. Ids do
-- not tell that: somebody may give ids of their own, and clocks of senders differ. Null for all others.
CREATE SEQUENCE howdah.sending;
ALTER TABLE howdah.job ADD COLUMN sending bigint;
ALTER TABLE howdah.archive ADD COLUMN sending bigint;
UPDATE howdah.job AS j
SET sending = s.nth
FROM (SELECT o.id, nextval(format('%I.%I', __schema__, 'sending')::regclass) AS nth
      FROM (SELECT p.id FROM howdah.job AS p
            WHERE p.policy IN ('key_strict_fifo', 'stately')
            ORDER BY p.id) AS o) AS s
WHERE j.id = s.id;
DROP INDEX howdah.job_fifo;
CREATE INDEX job_fifo ON howdah.job (queue, line, sending, id)
    WHERE policy IN ('key_strict_fifo', 'stately');

-- A job behind one that failed may fail as well, such as by its deadline: the key is free when all
-- of them are dealt with.
ALTER TABLE howdah.blocked_key DROP CONSTRAINT blocked_key_pkey;
ALTER TABLE howdah.blocked_key ADD CONSTRAINT blocked_key_pkey PRIMARY KEY (queue, line, job_id);

-- By which some lines of a lane are drawn that may have very many. The lane is one expression: by its
-- columns the planner would take this index for line_place where it knows no statistics, and walk all
-- lines of the lane for each.
ALTER TABLE howdah.line ADD COLUMN lot float8 NOT NULL DEFAULT random();
CREATE INDEX line_lot ON howdah.line ((priority::text || queue), lot);
