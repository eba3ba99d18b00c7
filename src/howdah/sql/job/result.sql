-- How a job ended, or that it has not: its state, result and last error.
SELECT v.state, v.result::text, (v.errors -> -1)::text, v.cancel_reason
FROM howdah.jobs AS v
WHERE v.id = :id::text::uuid
