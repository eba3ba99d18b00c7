-- Says how far running jobs are. Touches no indexed column, so the row stays where it is.
UPDATE howdah.job AS j
SET progress = o.progress::jsonb
FROM unnest(:ids::text::uuid[], :fences::text::bigint[],
            string_to_array(:progress::text, E'\x1e')) AS o (id, fence, progress)
WHERE j.id = o.id
  AND j.fence = o.fence
  AND j.state = 'active'
