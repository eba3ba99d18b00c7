-- Whether one of these roles is not there, and whether we may make roles.
SELECT EXISTS (SELECT FROM unnest(string_to_array(:roles::text, E'\x1e')) AS w (name)
               WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = w.name)),
       (SELECT m.rolsuper OR m.rolcreaterole FROM pg_catalog.pg_roles AS m
        WHERE m.rolname = current_user)
