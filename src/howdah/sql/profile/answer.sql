-- How a portable claim answers: in the order in which the jobs stood.
--
-- An update by the places of rows answers in their order, but one by keys in that of the keys. What
-- the rows held before it is still to be seen in the same statement.
(SELECT *
 FROM claimed AS c
 ORDER BY (SELECT j.ready_xid FROM howdah.job AS j WHERE j.id = c.id::uuid), c.id);
