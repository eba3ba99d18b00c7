-- A schema's name as the server writes it in what it prints.
SELECT quote_ident(:schema::text)
