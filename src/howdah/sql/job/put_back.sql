-- put_back: active -> retry (retry, snooze, release), active -> waiting (suspend)
SELECT p.applied, p.ids
FROM howdah.put_back(:ids::text::uuid[], :fences::text::bigint[],
                     string_to_array(:states::text, ','),
                     :delays::text::float8[], :spent::text::boolean[],
                     string_to_array(:errors::text, E'\x1e', '')) AS p
