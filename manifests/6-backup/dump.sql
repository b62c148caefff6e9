-- psql writes a dump into $BACKUP_FILE and says what is in it: first where and when, as JSON, then a line for each table.
-- pg_dump reads the snapshot of this session, so that what is counted afterwards is what was dumped
-- (https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION).
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT pg_export_snapshot() AS snapshot,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn,
  CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
    ELSE (SELECT timeline_id FROM pg_control_checkpoint()) END AS timeline \gset
\setenv BACKUP_SNAPSHOT :snapshot
-- A server that is restored to a moment says which one.
\set moment ''
\getenv moment BACKUP_MOMENT
\set dumped `bash -o pipefail -c 'pg_dump --no-password --format=plain --snapshot="$BACKUP_SNAPSHOT" | gzip >"$BACKUP_FILE"' && echo true || echo false`
\if :dumped
SELECT json_build_object('time', to_char(coalesce(nullif(:'moment', '')::timestamptz, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'database', current_database(), 'server', current_setting('server_version'), 'timeline', :'timeline'::int, 'lsn', :'lsn');
\ir tables.sql
\endif
