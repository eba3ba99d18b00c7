-- Forgets a queue, unless it has live jobs; answers with how many it has.
SELECT howdah.delete_queue(:name::text, :with_jobs::bool)
