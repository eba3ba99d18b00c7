-- redrive: created, retry -> created, in the queue that it came from
SELECT r.moved, r.kept, r.last::text
FROM howdah.redrive(
    :queue::text, :limit::int8::int, :destination::text, :after::text::uuid,
    :filter::text::jsonb, :ids::text::uuid[]) AS r
