-- Says how far running jobs are. Touches no indexed column, so the row stays where it is. A row
-- that somebody holds is passed over: the next report comes, and outcomes must not wait for this.
UPDATE howdah.job AS j
SET progress = o.progress::jsonb
FROM (
    SELECT k.id, r.fence, r.progress
    FROM unnest(:ids::text::uuid[], :fences::text::bigint[],
                string_to_array(:progress::text, E'\x1e')) AS r (id, fence, progress)
    JOIN howdah.job AS k ON k.id = r.id
    FOR UPDATE OF k SKIP LOCKED) AS o
WHERE j.id = o.id
  AND j.fence = o.fence
  AND j.state = 'active'
