-- A process that will execute jobs. Its lease starts now.
INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)
VALUES (:lease::float8 * interval '1 second', :pid::int8::int, :host::text, :concurrency::int8::int,
        string_to_array(:queues::text, E'\x1e'), :version::text)
RETURNING id
