-- expand: safe while older workers run
--
-- What workers warned of. One row for each thing while it lasts: see functions/20_warn.sql.

CREATE TABLE howdah.warning (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text        NOT NULL,
    -- Which of its kind: a queue, a statement, a host. Empty where there is only one.
    subject text        NOT NULL,
    queue   text,
    at      timestamptz NOT NULL DEFAULT howdah.now(),
    last_at timestamptz NOT NULL DEFAULT howdah.now(),
    count   bigint      NOT NULL DEFAULT 1,
    text    text        NOT NULL,
    facts   jsonb       NOT NULL DEFAULT '{}',
    -- Whether it lasts, as far as anybody knows.
    is_open boolean     NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX warning_open ON howdah.warning (kind, subject) WHERE is_open;

-- So many claimable jobs are a backlog to be warned of; null is as many as workers think.
ALTER TABLE howdah.queue ADD COLUMN warn_backlog int CHECK (warn_backlog >= 0);
