"""One file for each driver: the only places that import it.

A runner executes queries on a connection that is someone else's, in whatever transaction it is in.
It never commits, rolls back or opens a savepoint, and changes no setting of the connection.
"""
