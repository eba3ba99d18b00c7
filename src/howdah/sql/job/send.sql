-- send: -> created
--
-- One job, in the caller's transaction. Says whether it is new. The code knows its queue, also
-- where it says nothing of it.
SELECT r.id::text, r.created
FROM howdah.send_receipt(:queue::text, :task::text, :args::text::jsonb,
                         jsonb '{"defaults": {}}' || :options::text::jsonb) AS r
