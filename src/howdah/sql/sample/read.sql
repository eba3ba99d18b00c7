-- What queues were like, by buckets of time: each number of jobs at its highest, what happened as
-- a sum, histograms merged. The rows of the empty queue say in which buckets somebody looked.
WITH seen AS MATERIALIZED (
    SELECT date_bin(:bucket::float8 * interval '1 second', s.at, '2000-01-01 00:00:00+00') AS bin,
           s.*
    FROM howdah.sample AS s
    WHERE s.at >= :since::text::timestamptz
      AND (:queue::text IS NULL OR s.queue IN ('', :queue::text))),
number AS (
    SELECT s.queue, s.bin,
           max(s.ready) AS ready, max(s.delayed) AS delayed, max(s.active) AS active,
           max(s.waiting) AS waiting, max(s.oldest) AS oldest,
           sum(s.done)::int8 AS done, sum(s.failed)::int8 AS failed,
           sum(s.expired)::int8 AS expired, sum(s.cancelled)::int8 AS cancelled,
           sum(s.retried)::int8 AS retried
    FROM seen AS s
    GROUP BY s.queue, s.bin),
run_time AS (
    SELECT b.queue, b.bin, string_agg(b.bucket || ',' || b.count, ',') AS pairs
    FROM (SELECT s.queue, s.bin, s.run_time[i] AS bucket, sum(s.run_time[i + 1]) AS count
          FROM seen AS s
          CROSS JOIN LATERAL generate_series(1, cardinality(s.run_time), 2) AS i
          GROUP BY 1, 2, 3) AS b
    GROUP BY b.queue, b.bin),
latency AS (
    SELECT b.queue, b.bin, string_agg(b.bucket || ',' || b.count, ',') AS pairs
    FROM (SELECT s.queue, s.bin, s.latency[i] AS bucket, sum(s.latency[i + 1]) AS count
          FROM seen AS s
          CROSS JOIN LATERAL generate_series(1, cardinality(s.latency), 2) AS i
          GROUP BY 1, 2, 3) AS b
    GROUP BY b.queue, b.bin)
SELECT n.queue, extract(epoch FROM n.bin)::float8, n.ready, n.delayed, n.active, n.waiting, n.oldest,
       n.done, n.failed, n.expired, n.cancelled, n.retried, r.pairs, l.pairs
FROM number AS n
LEFT JOIN run_time AS r ON r.queue = n.queue AND r.bin = n.bin
LEFT JOIN latency AS l ON l.queue = n.queue AND l.bin = n.bin
ORDER BY n.queue, n.bin
