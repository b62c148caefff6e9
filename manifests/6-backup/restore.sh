#!/usr/bin/env bash
# Restores a dump of BACKUP_DIR (the first argument is its name) into a database that it creates (the second one), on the
# server that the PG* variables name, and compares what is there with the manifest. What fails leaves no database behind.
set -euo pipefail

scripts=$(dirname "$0")
dir=${BACKUP_DIR:?}
name=${1:?} database=${2:?}

log() { echo "$(date -u +%FT%TZ) $*"; }
fail() {
  log "restore FAILED: $*" >&2
  exit 1
}
sql() { psql --no-psqlrc --no-password --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 "$@"; }

cd "$dir" || fail "$dir cannot be entered"
dump=$name.sql.gz manifest=$name.json
[[ -r $dump ]] || fail "there is no backup $name"
if [[ -r $manifest ]]; then
  expected=$(sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p' "$manifest")
  found=$(sha256sum "$dump")
  [[ ${found%% *} == "$expected" ]] || fail "$dump is not what was written: its SHA-256 is another one than in $manifest"
fi

[[ $(sql --dbname=postgres --set=name="$database" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'") == 0 ]] ||
  fail "there is a database $database already: name another one"

# Tables and their indexes; the write-ahead log of it is bounded by the server's own settings.
needed=$(($(gzip --decompress --stdout "$dump" | wc --bytes) * 2))
used=$(sql --dbname=postgres --command='SELECT sum(pg_database_size(oid)) + (SELECT sum(size) FROM pg_ls_waldir()) FROM pg_database')
free=$((POSTGRES_VOLUME_MIB * 1024 * 1024 - ${used%.*}))
((free > needed)) ||
  fail "about $free bytes are free on the volume of the database, and $name may take $needed: enlarge postgres.storage"

log "restoring $name into database $database"
sql --dbname=postgres --set=name="$database" <<<'CREATE DATABASE :"name" TEMPLATE template0'
trap 'sql --dbname=postgres --set=name="$database" <<<"DROP DATABASE IF EXISTS :\"name\" WITH (FORCE)"' EXIT
trap 'exit 143' TERM INT
began=$SECONDS
bytes=$(stat --format=%s "$dump")
exec 8<"$dump"
gzip --decompress --stdout <&8 | sql --dbname="$database" --single-transaction >/dev/null 8<&- &
restoring=$!
# How far the file is read.
while sleep "${PROGRESS_SECONDS:-5}"; do
  log "$(sed -n 's/^pos:[[:space:]]*//p' /proc/$$/fdinfo/8) of $bytes bytes are read"
done &
progress=$!
status=0
wait $restoring || status=$?
kill $progress
wait $progress 2>/dev/null || true
((status == 0)) || fail "$name cannot be restored"

tables=$(sql --dbname="$database" --file="$scripts/tables.sql")
if [[ -r $manifest ]]; then
  written=$(sed -n '/^"tables": {$/,/^}}$/{/^"tables"\|^}}$/d;s/,$//;p}' "$manifest")
  differences=$(diff <(echo "$written") <(echo "$tables")) ||
    fail "$database does not hold what the manifest of $name says (<), but (>):"$'\n'"$differences"
fi
trap - EXIT
log "restored: database $database has $(wc --lines <<<"$tables") tables, after $((SECONDS - began)) s"
