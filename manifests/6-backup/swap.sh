#!/usr/bin/env bash
# Puts a restored database in the place of the shop's, which PGDATABASE names, and keeps that one beside it:
#   swap.sh forward RESTORED    the shop's becomes <PGDATABASE>_replaced, RESTORED becomes the shop's
#   swap.sh back RESTORED       whatever of that was done is undone, and RESTORED goes
#   swap.sh done                <PGDATABASE>_replaced goes
# Both renames are one transaction (https://www.postgresql.org/docs/15/sql-alterdatabase.html), and each command may be
# run again.
set -euo pipefail

now=${PGDATABASE:?}
replaced=${now}_replaced
export PGDATABASE=postgres

fail() {
  echo "$(date -u +%FT%TZ) swap FAILED: $*" >&2
  exit 1
}
sql() {
  psql --no-psqlrc --no-password --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 --set=now="$now" \
    --set=replaced="$replaced" --set=restored="${restored:-}" "$@"
}
exists() { [[ $(sql --set=name="$1" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'") == 1 ]]; }

# A database is renamed while nobody is connected to it. What is closed stays closed to the shop until it is opened.
renamed() {
  local _
  for _ in {1..20}; do
    ! sql <<<"$1" 2>/dev/null || return 0
    sleep 0.5
  done
  sql <<<"$1"
}
end_sessions="SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname IN (:'now', :'replaced', :'restored') AND usename = current_user \\g /dev/null"

case $1 in
  forward)
    restored=${2:?}
    exists "$restored" || fail "there is no database $restored"
    ! exists "$replaced" || fail "there is a database $replaced still, of an earlier restore: keyboss backup undo"
    sql <<<'ALTER DATABASE :"now" ALLOW_CONNECTIONS false'
    renamed "$end_sessions
      BEGIN;
      ALTER DATABASE :\"now\" RENAME TO :\"replaced\";
      ALTER DATABASE :\"restored\" RENAME TO :\"now\";
      COMMIT;"
    ;;
  back)
    restored=${2:?}
    if exists "$replaced"; then
      sql <<<'ALTER DATABASE :"now" ALLOW_CONNECTIONS false'
      renamed "$end_sessions
        BEGIN;
        ALTER DATABASE :\"now\" RENAME TO :\"restored\";
        ALTER DATABASE :\"replaced\" RENAME TO :\"now\";
        COMMIT;"
    fi
    sql <<<'ALTER DATABASE :"now" ALLOW_CONNECTIONS true'
    sql <<<'DROP DATABASE IF EXISTS :"restored" WITH (FORCE)'
    ;;
  done) sql <<<'DROP DATABASE IF EXISTS :"replaced" WITH (FORCE)' ;;
  *) fail "$1 is neither forward, back nor done" ;;
esac
echo "$(date -u +%FT%TZ) $1: the databases are $(sql <<<'SELECT string_agg(datname, $$, $$ ORDER BY datname) FROM pg_database WHERE NOT datistemplate')"
