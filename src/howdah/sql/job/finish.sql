-- finish: active -> completed, failed, expired, cancelled
--
-- Waits only briefly for a row that a transaction of somebody else holds, such as a cancel that is
-- not committed: one job must not keep the outcomes of all others waiting. The limit is set in a
-- row of its own, which is read before the function is called, and ends with the statement.
SELECT f.applied, f.ids
FROM (SELECT set_config('lock_timeout', '300ms', true) AS set) AS brief
CROSS JOIN LATERAL howdah.finish(
    CASE WHEN brief.set IS NOT NULL THEN :ids::text::uuid[] END, :fences::text::bigint[],
    string_to_array(:states::text, ','),
    string_to_array(:results::text, E'\x1e', ''),
    string_to_array(:errors::text, E'\x1e', '')) AS f
