-- send_flow: -> created
SELECT howdah.send_flow(:flow_id::text::uuid, :jobs::text::jsonb)
