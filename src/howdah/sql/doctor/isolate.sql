-- With an empty path all names are written out in full, and no object of a user's own is met.
SELECT set_config('search_path', '', true)
