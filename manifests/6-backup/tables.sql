-- Each table and its rows, a line each: "public.sale":7. What an extension owns is not in a dump, and not counted.
SELECT format('SELECT to_json(%L::text) || '':'' || count(*) FROM ONLY %I.%I', nspname || '.' || relname, nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec
