-- Warnings, the latest first.
SELECT w.kind, w.subject, w.queue, extract(epoch FROM w.at)::float8,
       extract(epoch FROM w.last_at)::float8, w.count, w.text, w.facts::text,
       w.is_open AND w.last_at > howdah.now() - interval '15 minutes'
FROM howdah.warning AS w
WHERE (:kind::text IS NULL OR w.kind = :kind::text)
  AND (:queue::text IS NULL OR w.queue = :queue::text)
ORDER BY w.last_at DESC, w.id DESC
LIMIT :limit::int8
