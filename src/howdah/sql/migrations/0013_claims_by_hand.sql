-- expand: safe while older workers run
--
-- Claims that are made by hand, for those who write their own loop.

-- Of a worker that is no process but a claim by hand: how many of its jobs are not settled yet.
-- The row goes with the last of them; its lease gives them back when they are not.
ALTER TABLE howdah.worker ADD COLUMN by_hand int;

-- Where claims by hand of a queue look: the hints of functions/04_claim, which a worker keeps in its
-- memory. Without a unique key: two who are first must not wait for each other, and either row is true.
CREATE TABLE howdah.hand_hint (
    moves int  NOT NULL DEFAULT 0,
    queue text NOT NULL,
    hints text NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX hand_hint_queue ON howdah.hand_hint (queue);
