#!/usr/bin/env bash
# Puts a restored database in the place of the shop's, which PGDATABASE names, and keeps that one beside it:
#   swap.sh check               refuses while <PGDATABASE>_replaced is there
#   swap.sh forward RESTORED    the shop's becomes <PGDATABASE>_replaced, RESTORED becomes the shop's
#   swap.sh back RESTORED       whatever of that was done is undone, and RESTORED goes
#   swap.sh clear RESTORED      RESTORED goes
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

# Renames the shop's database to the first name, and the second one to the shop's, while nobody is connected to either.
# What is closed stays closed to the shop until it is opened.
exchange() {
  local attempt statements="
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname IN (:'now', :'replaced', :'restored') AND usename = current_user \\g /dev/null
    BEGIN;
    ALTER DATABASE :\"now\" RENAME TO :\"$1\";
    ALTER DATABASE :\"$2\" RENAME TO :\"now\";
    COMMIT;"
  sql <<<'ALTER DATABASE :"now" ALLOW_CONNECTIONS false'
  for attempt in {1..20}; do
    ! sql <<<"$statements" 2>/dev/null || return 0
    echo "$(date -u +%FT%TZ) somebody is connected still (attempt $attempt)"
    sleep 0.5
  done
  sql <<<"$statements"
}

case $1 in
  forward)
    restored=${2:?}
    exists "$restored" || fail "there is no database $restored"
    ! exists "$replaced" || fail "there is a database $replaced already"
    exchange replaced restored
    ;;
  back)
    restored=${2:?}
    if exists "$replaced"; then
      exchange restored replaced
    fi
    sql <<<'ALTER DATABASE :"now" ALLOW_CONNECTIONS true'
    sql <<<'DROP DATABASE IF EXISTS :"restored" WITH (FORCE)'
    ;;
  check)
    # What an earlier restore has replaced, and was not forgotten, is never taken for the shop's.
    ! exists "$replaced" || fail "there is a database $replaced still, which an earlier restore has replaced: drop it when it" \
      "is of no use any more (DROP DATABASE $replaced WITH (FORCE))"
    ;;
  clear)
    restored=${2:?}
    sql <<<'DROP DATABASE IF EXISTS :"restored" WITH (FORCE)'
    ;;
  done) sql <<<'DROP DATABASE IF EXISTS :"replaced" WITH (FORCE)' ;;
  *) fail "$1 is none of check, forward, back, clear and done" ;;
esac
echo "$(date -u +%FT%TZ) $1: the databases are $(sql <<<'SELECT string_agg(datname, $$, $$ ORDER BY datname) FROM pg_database WHERE NOT datistemplate')"
