-- Jobs whose time has come and that nobody made claimable: how many, and the oldest's delay.
SELECT count(*), extract(epoch FROM howdah.now() - min(j.start_after))::float8
FROM howdah.job AS j
WHERE j.ready_xid IS NULL
  AND j.start_after < howdah.now() - :seconds::float8 * interval '1 second'
  AND j.state <> 'active'
