-- Runs on a primary each time it becomes one, over the socket: what a database needs that older manifests made.
-- The password comes from the environment, and no statement is logged or shown, so that an error does not print it.
\set VERBOSITY terse
\getenv password WATCHDOG_PASSWORD
SET log_min_error_statement = panic;

-- The shop may restore a backup into a database of its own.
ALTER ROLE saleor CREATEDB;

-- The watchdog: sees how replication stands, says for which standby a commit waits, promotes, and ends sessions of a
-- server that is primary no longer. It reads no table of the shop's.
SELECT 'CREATE ROLE watchdog LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'watchdog') \gexec
ALTER ROLE watchdog PASSWORD :'password';
GRANT pg_monitor, pg_checkpoint, pg_signal_backend TO watchdog;
GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO watchdog;
GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO watchdog;

-- The archive (manifests/6-backup/archive.sh) sees how far it has got.
GRANT pg_read_all_stats TO replicator;
