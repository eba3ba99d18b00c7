-- A claim needs READ COMMITTED, also where the role's default is another.
SET default_transaction_isolation = 'read committed'
