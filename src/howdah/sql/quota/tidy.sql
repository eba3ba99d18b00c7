-- Removes slots whose job does not run any more, which only a row written by hand leaves; windows
-- of rates that are over; lines that are over; and doubles of quota_queue, which two first senders may have left.
WITH stale AS (
    DELETE FROM howdah.slot AS s
    WHERE NOT EXISTS (SELECT FROM howdah.job AS j WHERE j.id = s.job_id AND j.state = 'active')
    RETURNING s.name),
over AS (
    DELETE FROM howdah.begun AS b WHERE b.counts_until < howdah.now() RETURNING b.name),
doubles AS (
    DELETE FROM howdah.quota_queue AS d
    USING howdah.quota_queue AS k
    WHERE k.name = d.name AND k.queue = d.queue AND k.ctid < d.ctid
    RETURNING d.name)
SELECT (SELECT count(*) FROM stale), (SELECT count(*) FROM over), (SELECT count(*) FROM doubles),
       howdah.forget_lines(10000), howdah.forget_heads(10000)
