-- Runs once, in a new cluster, over the socket. The passwords come from the environment, and no statement is
-- logged or shown, so that an error does not print them.
\set VERBOSITY terse
\getenv password POSTGRES_PASSWORD
\getenv replication_password REPLICATION_PASSWORD
SET log_min_error_statement = panic;

-- The shop. It owns its database, which suffices for the extensions that Saleor's migrations create (all trusted).
CREATE ROLE saleor LOGIN PASSWORD :'password';
CREATE DATABASE saleor OWNER saleor;
-- postgres-exporter reads replication and activity as the same user.
GRANT pg_monitor TO saleor;

-- The other pod: streams, clones, and rejoins by pg_rewind, which needs a CHECKPOINT and these functions
-- (https://www.postgresql.org/docs/15/app-pgrewind.html).
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
GRANT pg_checkpoint TO replicator;
GRANT EXECUTE ON FUNCTION
  pg_ls_dir(text, boolean, boolean),
  pg_stat_file(text, boolean),
  pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean)
  TO replicator;
