-- delete: created, retry, waiting, completed, failed, expired, cancelled -> gone
--
-- As howdah.delete, for several jobs in one transaction. A job that is in none of the given states
-- is left out.
SELECT d.id::text, d.state
FROM howdah.delete_each(:ids::text::uuid[], string_to_array(:states::text, ',')) AS d
