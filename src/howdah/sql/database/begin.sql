-- Begins a transaction of several statements.
BEGIN
