-- send: -> created
--
-- Many jobs of one task, each with options of its own, in one statement: as send_many, one string
-- for the payloads and one for the options, both JSON texts cut at RS. Each is sent as a single one
-- is. The second column tells those that were not stored: the place of each, and the job that is in
-- its way. What a repeated send finds under an id that was made for it is its own.
SELECT count(*) FILTER (WHERE s.is_own),
       string_agg(s.place || ' ' || s.id, ',') FILTER (WHERE NOT s.is_own)
FROM (
    SELECT i.place, r.id,
           r.created OR i.options ? 'new_id' AND r.id = (i.options ->> 'id')::uuid AS is_own
    FROM (SELECT u.place, u.args::jsonb AS args, u.options::jsonb AS options
          FROM unnest(string_to_array(:args::text, E'\x1e'),
                      string_to_array(:options::text, E'\x1e'))
              WITH ORDINALITY AS u (args, options, place)) AS i
    CROSS JOIN LATERAL howdah.send_receipt(:queue::text, :task::text, i.args, i.options) AS r) AS s
