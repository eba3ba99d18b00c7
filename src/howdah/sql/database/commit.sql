-- Ends it: all is done.
COMMIT
