-- Whether any job can be claimed now.
SELECT EXISTS (SELECT FROM howdah.job AS j WHERE j.ready_xid IS NOT NULL)
