-- A process that will execute jobs. Its lease starts now. One that takes the place of another
-- works as that was asked to.
INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version, wanted_concurrency,
                           paused_at, paused_by, tasks, lowest, highest, queue_concurrency, batches)
SELECT :lease::float8 * interval '1 second', :pid::int8::int, :host::text, :concurrency::int8::int,
        string_to_array(:queues::text, E'\x1e'), :version::text, :wanted_concurrency::int8::int,
        to_timestamp(:paused_at::float8), :paused_by::text,
        string_to_array(:tasks::text, E'\x1e'), :lowest::int8::smallint, :highest::int8::smallint,
        :queue_concurrency::text::jsonb, :batches::text::jsonb
-- Perhaps the first to work on a restored database.
FROM howdah.renew_lines() AS r
RETURNING id
