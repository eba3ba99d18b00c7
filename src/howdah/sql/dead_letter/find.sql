-- Which of these jobs are dead letters that wait in a queue.
SELECT f::text FROM howdah.find_letters(:queue::text, '{}', :ids::text::uuid[]) AS f
