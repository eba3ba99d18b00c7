-- Whether a live job or a worker has this task, and the names that workers tell. A worker that does
-- not say what it has may have it.
SELECT EXISTS (SELECT FROM howdah.job AS j WHERE j.task = :name::text)
       OR EXISTS (SELECT FROM howdah.worker AS w
                  WHERE w.tasks IS NULL OR w.tasks @> ARRAY[:name::text]),
       (SELECT json_agg(DISTINCT t.name)::text
        FROM howdah.worker AS w, unnest(w.tasks) AS t (name))
