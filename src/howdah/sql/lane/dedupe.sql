-- Removes doubles of lanes, which two first senders of a kind may have left. One row of each
-- stays for ever.
DELETE FROM howdah.lane AS l
USING howdah.lane AS k
WHERE k.queue = l.queue
  AND k.priority = l.priority
  AND k.lined = l.lined
  AND k.ctid < l.ctid
