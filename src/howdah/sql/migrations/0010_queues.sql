-- expand: safe while older workers run
--
-- Queues as rows: what the code says of them and what an operator says, their policies, pauses,
-- and the keys that a failed job blocks.

ALTER TABLE howdah.queue
    -- What `app.queue(...)` says in the code of the worker that started last.
    ADD COLUMN code            jsonb   NOT NULL DEFAULT '{}',
    -- What an operator says; it wins.
    ADD COLUMN override        jsonb   NOT NULL DEFAULT '{}',
    -- It is paused since everything is, and is resumed with everything.
    ADD COLUMN paused_with_all boolean NOT NULL DEFAULT false,
    -- Lanes stay for ever, so a queue that was deleted must be known as such.
    ADD COLUMN deleted_at      timestamptz;

-- What is paused beside single queues: a task, or everything, whose name is empty.
CREATE TABLE howdah.pause (
    kind   text        NOT NULL CHECK (kind IN ('task', 'everything')),
    name   text        NOT NULL,
    at     timestamptz NOT NULL DEFAULT howdah.now(),
    by     text,
    reason text,
    PRIMARY KEY (kind, name)
);

-- A line of a key_strict_fifo queue that nobody may claim from: this job of it has failed, and is
-- neither retried nor deleted yet.
CREATE TABLE howdah.blocked_key (
    queue  text        NOT NULL,
    line   text        NOT NULL,
    job_id uuid        NOT NULL,
    at     timestamptz NOT NULL DEFAULT howdah.now(),
    PRIMARY KEY (queue, line)
);

-- What a send is turned away by. Nothing that a worker writes moves a job into it, so no claim and
-- no finish can fail on it: at most one active job of a line is the claim's to keep. One index for
-- three policies, since every statement on the table opens every index.
CREATE UNIQUE INDEX job_place ON howdah.job (queue, policy, (coalesce(key, '')))
    WHERE policy = 'exclusive' OR policy IN ('short', 'stately') AND state = 'created';

-- Which job is the head of its line, and what else stands in it.
CREATE INDEX job_fifo ON howdah.job (queue, line, id)
    WHERE policy IN ('key_strict_fifo', 'stately');
