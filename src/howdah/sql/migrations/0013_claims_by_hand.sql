-- expand: safe while older workers run
--
-- Claims that are made by hand, for those who write their own loop.

-- Of a worker that is no process but a claim by hand: how many of its jobs are not settled yet.
-- The row goes with the last of them; its lease gives them back when they are not.
ALTER TABLE howdah.worker ADD COLUMN by_hand int;
