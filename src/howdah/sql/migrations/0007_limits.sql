-- expand: safe while older workers run
--
-- Limits: how many jobs may run at once, and how many may begin within a time.

CREATE FUNCTION howdah.is_quota(p_settings jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_typeof(p_settings) = 'object'
       AND coalesce(bool_and(
               CASE WHEN n.name NOT LIKE 'tier %' AND n.name NOT IN ('total', 'per_key', 'rate', 'per') THEN false
                    WHEN jsonb_typeof(n.value) = 'null' THEN n.name NOT LIKE 'tier %'
                    WHEN jsonb_typeof(n.value) <> 'number' THEN false
                    WHEN n.name = 'per' THEN n.value::numeric BETWEEN 0.001 AND 31536000
                    ELSE n.value::numeric BETWEEN 0 AND 2147483647
                         AND n.value::numeric = trunc(n.value::numeric) END), true)
       AND (NOT p_settings ? 'tiers' OR jsonb_typeof(p_settings -> 'tiers') IN ('object', 'null'))
    FROM (SELECT s.key, s.value FROM jsonb_each(p_settings) AS s WHERE s.key <> 'tiers'
          UNION ALL
          SELECT 'tier ' || t.key, t.value
          FROM jsonb_each(CASE jsonb_typeof(p_settings -> 'tiers')
                          WHEN 'object' THEN p_settings -> 'tiers' END) AS t) AS n (name, value)
$$;

CREATE TABLE howdah.quota (
    name          text        PRIMARY KEY,
    -- What the code says, and what an operator said over it: total, per_key, tiers, rate, per.
    code          jsonb       NOT NULL DEFAULT '{}',
    override      jsonb       NOT NULL DEFAULT '{}',
    settings      jsonb       GENERATED ALWAYS AS (code || override) STORED,
    -- A handler was told by its service to come back then.
    blocked_until timestamptz,
    created_at    timestamptz NOT NULL DEFAULT howdah.now(),
    updated_at    timestamptz NOT NULL DEFAULT howdah.now(),
    CONSTRAINT quota_name CHECK (name ~ '^[A-Za-z0-9_.-]+$'),
    -- What is written there by hand must not stop the claims of all.
    CONSTRAINT quota_numbers CHECK (howdah.is_quota(code) AND howdah.is_quota(override))
);

-- What running jobs hold. Written and counted under the lock of the quota's row, by claims only;
-- deleted with the end of the attempt under no lock at all, so a transaction of somebody's own
-- that completes a job holds up nobody.
CREATE TABLE howdah.slot (
    job_id uuid NOT NULL,
    name   text NOT NULL,
    key    text NOT NULL,
    PRIMARY KEY (job_id, name, key)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
CREATE INDEX slot_held ON howdah.slot (name, key);

-- How many began, and until when they count. Times are rounded up to a 64th of the quota's, so a
-- window has few rows and none ever holds more than it may.
CREATE TABLE howdah.begun (
    counts_until timestamptz NOT NULL,
    jobs         int         NOT NULL,
    name         text        NOT NULL,
    key          text        NOT NULL,
    PRIMARY KEY (name, key, counts_until)
);

-- Which queues ever had jobs of a quota: who is to be woken when a slot is free. Without a unique
-- key for the reason that lane has none.
CREATE TABLE howdah.quota_queue (
    name  text NOT NULL,
    queue text NOT NULL
);

-- Whether jobs with a line ever stood in the lane; a row of its own for either kind.
ALTER TABLE howdah.lane ADD COLUMN lined boolean NOT NULL DEFAULT false;

-- The belt to the look that a claim takes under the lock of the queue's row.
CREATE UNIQUE INDEX job_alone ON howdah.job (queue, line)
    WHERE state = 'active' AND policy IN ('singleton', 'stately', 'key_strict_fifo');
