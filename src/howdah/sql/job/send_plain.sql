-- send: -> created
--
-- One job of which nothing is said, in the caller's transaction. Says whether it is new.
SELECT r.id::text, r.created
FROM howdah.send_plain(:queue::text, :task::text, :args::text::jsonb, :id::text::uuid) AS r
