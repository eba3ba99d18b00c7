-- Takes the row that was told of, and says when it was sent.
DELETE FROM howdah.job AS j
WHERE j.id = :id::text::uuid
RETURNING (j.args ->> 'sent_ns')::int8
