-- Commits of this session are not waited for from now on. For claims only: one that a crash of the
-- server loses, some tenths of a second old at most, is made again by another worker, and what the
-- first one tells of it is refused. Whatever is waited for later, such as an outcome, makes all
-- claims before it durable too.
SET synchronous_commit = off
