-- wake_queues, wake_quotas: nothing, since workers look by themselves

CREATE OR REPLACE FUNCTION howdah.wake_queues(p_queues text[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$ $$;

CREATE OR REPLACE FUNCTION howdah.wake_quotas(p_names text[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$ $$;
