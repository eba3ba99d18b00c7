-- put_back: active -> retry (retry, snooze, release), active -> waiting (suspend)
--
-- Waits only briefly for a row that somebody else holds, as finish does.
SELECT p.applied, p.ids
FROM (SELECT set_config('lock_timeout', '300ms', true) AS set) AS brief
CROSS JOIN LATERAL howdah.put_back(
    CASE WHEN brief.set IS NOT NULL THEN :ids::text::uuid[] END, :fences::text::bigint[],
    string_to_array(:states::text, ','),
    :delays::text::float8[], :spent::text::boolean[],
    string_to_array(:errors::text, E'\x1e', '')) AS p
