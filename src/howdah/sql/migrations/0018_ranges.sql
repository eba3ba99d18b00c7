-- expand: safe while older workers run
--
-- What a worker takes of the queues that it serves, for those who ask why a job does not run.

ALTER TABLE howdah.worker
    -- The priorities that it claims; null for no bound, and for a worker that does not say.
    ADD COLUMN lowest            smallint,
    ADD COLUMN highest           smallint,
    -- By queue, how many handlers of it may run there at once; null for as many as it has slots.
    ADD COLUMN queue_concurrency jsonb,
    -- By task, how many jobs one handler takes, where it takes more than one.
    ADD COLUMN batches           jsonb;
