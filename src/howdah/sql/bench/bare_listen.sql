-- Listens as bare code would: on a channel that is named as the schema.
LISTEN __schema_name__
