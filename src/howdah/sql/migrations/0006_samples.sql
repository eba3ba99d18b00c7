-- expand: safe while older workers run
--
-- What queues were like, minute by minute: see functions/16_sample.sql.

CREATE TABLE howdah.sample (
    at        timestamptz NOT NULL,
    -- Who counted: a worker what it ran itself, and 0 what stood in the tables at a minute.
    worker_id bigint      NOT NULL,
    -- Empty in the row that says that somebody looked at this minute.
    queue     text        NOT NULL,
    ready     bigint,
    delayed   bigint,
    active    bigint,
    waiting   bigint,
    oldest    float8,
    failed    bigint,
    expired   bigint,
    cancelled bigint,
    done      bigint,
    retried   bigint,
    -- Histograms, as pairs of a bucket and a count: `_model/histogram.py` says what a bucket is.
    run_time  bigint[],
    latency   bigint[],
    CONSTRAINT sample_key PRIMARY KEY (queue, at, worker_id)
) PARTITION BY RANGE (at);
CREATE TABLE howdah.sample_default PARTITION OF howdah.sample DEFAULT;
