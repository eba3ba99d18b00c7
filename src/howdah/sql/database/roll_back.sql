-- Ends it: nothing is done.
ROLLBACK
