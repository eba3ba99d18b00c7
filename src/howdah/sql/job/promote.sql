-- promote: created, retry -> the same, claimable; waiting -> retry
SELECT p.promoted, p.next_in
FROM howdah.promote(:limit::int8::int, howdah.now() - :within::float8 * interval '1 second') AS p
