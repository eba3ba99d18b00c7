-- send: -> created
--
-- One job, in the caller's transaction. Says whether it is new.
SELECT r.id::text, r.created
FROM howdah.send_receipt(:queue::text, :task::text, :args::text::jsonb, :options::text::jsonb) AS r
