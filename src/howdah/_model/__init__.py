"""Pure data and pure functions: no database, loop, thread or clock."""
