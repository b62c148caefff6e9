#!/usr/bin/env bash
# Restores a dump of BACKUP_DIR (its name is the argument; by default the newest) into a PostgreSQL server of its own in
# SCRATCH_DIR, and compares what is there with the manifest: a dump that cannot be restored is no backup.
set -euo pipefail
shopt -s nullglob

scripts=$(dirname "$0")
dir=${BACKUP_DIR:?}
scratch=${SCRATCH_DIR:?}

log() { echo "$(date -u +%FT%TZ) $*"; }
fail() {
  log "verification FAILED: $*" >&2
  exit 1
}
sql() { psql --no-psqlrc --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 --host="$scratch" --username=postgres "$@"; }

cd "$dir" || fail "$dir cannot be entered"
name=${1:-}
if [[ -z $name ]]; then
  dumps=(keyboss-*.sql.gz)
  ((${#dumps[@]} > 0)) || fail "there is no backup"
  name=${dumps[-1]%.sql.gz}
fi
dump=$name.sql.gz manifest=$name.json
[[ -r $dump ]] || fail "there is no backup $name"
[[ -r $manifest ]] || fail "$name has no manifest: an older keyboss has written it"

expected=$(sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p' "$manifest")
found=$(sha256sum "$dump")
[[ -n $expected && ${found%% *} == "$expected" ]] || fail "$dump is not what was written: its SHA-256 is another one than in $manifest"

# Tables, their indexes, and what is written to get there.
needed=$(($(gzip --decompress --stdout "$dump" | wc --bytes) * 3 + 256 * 1024 * 1024))
free=$(df --output=avail --block-size=1 "$scratch" | tail -n 1)
((free > needed)) || fail "$free bytes are free in $scratch, and restoring $name may take $needed"

log "restoring $name"
PATH+=:$(echo /usr/lib/postgresql/*/bin)
initdb --pgdata="$scratch/data" --username=postgres --auth=trust --no-sync >"$scratch/initdb.log" 2>&1 ||
  fail "initdb: $(tail --lines=3 "$scratch/initdb.log")"
# Nothing here has to survive.
postgres -D "$scratch/data" -c listen_addresses= -c unix_socket_directories="$scratch" -c fsync=off -c full_page_writes=off \
  -c max_wal_size=256MB >"$scratch/server.log" 2>&1 &
server=$!
trap 'kill -INT $server 2>/dev/null; wait $server; rm -rf "$scratch/data"' EXIT
trap 'exit 143' TERM INT
for _ in {1..300}; do
  ! pg_isready --quiet --host="$scratch" || break
  kill -0 $server 2>/dev/null || fail "the server did not start: $(tail --lines=3 "$scratch/server.log")"
  sleep 0.1
done

began=$SECONDS
sql --dbname=postgres --command='CREATE ROLE saleor' --command='CREATE DATABASE saleor OWNER saleor'
gzip --decompress --stdout "$dump" | sql --dbname=saleor --single-transaction >/dev/null ||
  fail "$name cannot be restored"
sql --dbname=saleor --file="$scripts/tables.sql" >"$scratch/found"
sed -n '/^"tables": {$/,/^}}$/{/^"tables"\|^}}$/d;s/,$//;p}' "$manifest" >"$scratch/expected"
differences=$(diff "$scratch/expected" "$scratch/found") ||
  fail "$name does not hold what its manifest says (<), but (>):"$'\n'"$differences"
log "$name is whole: $(wc --lines <"$scratch/found") tables, restored in $((SECONDS - began)) s"

# The termination message of the container: keyboss exporter publishes it.
[[ ! -w /dev/termination-log ]] ||
  printf '{"verified": {"name": "%s", "at": "%s"}}' "$name" "$(date -u +%FT%TZ)" >/dev/termination-log
