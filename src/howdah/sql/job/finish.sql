-- finish: active -> completed, failed, expired, cancelled
SELECT f.applied, f.ids
FROM howdah.finish(:ids::text::uuid[], :fences::text::bigint[],
                   string_to_array(:states::text, ','),
                   string_to_array(:results::text, E'\x1e', ''),
                   string_to_array(:errors::text, E'\x1e', '')) AS f
