-- Whether any job with this id or a later one is in the live table. From there on by the key: a look
-- at the whole table would walk all dead rows of the cycles before, and the last cycle would be
-- charged more for being watched than the first.
SELECT EXISTS (
    SELECT FROM (
        SELECT FROM howdah.job AS j WHERE j.id >= :first::text::uuid ORDER BY j.id LIMIT 1) AS j)
