-- expand: safe while older workers run
--
-- Which jobs wait for which: see functions/18_flow.sql.

CREATE TABLE howdah.dependency (
    parent     uuid NOT NULL,
    child      uuid NOT NULL,
    -- What a parent that fails does to its child: 'block', 'cancel' or 'run'.
    on_failure text NOT NULL DEFAULT 'block',
    -- How the parent ended; null while it has not, or is to run again.
    state      text,
    -- Which parameters of the child the parent fills.
    fills      jsonb,
    -- What they are filled with, kept from the parent's end until the child is free.
    outcome    jsonb,
    -- As the child's in the archive; null while it lives.
    keep_until date,
    settled    boolean NOT NULL GENERATED ALWAYS AS (
        coalesce(state = 'completed' OR on_failure = 'run' AND state IS NOT NULL, false)) STORED,
    PRIMARY KEY (parent, child),
    CONSTRAINT dependency_on_failure CHECK (on_failure IN ('block', 'cancel', 'run'))
);
CREATE INDEX dependency_child ON howdah.dependency (child);
CREATE INDEX dependency_over ON howdah.dependency (keep_until) WHERE keep_until IS NOT NULL;

-- The dead letters of a queue, for those who move them back.
CREATE INDEX job_source ON howdah.job (queue, id) WHERE source IS NOT NULL;
