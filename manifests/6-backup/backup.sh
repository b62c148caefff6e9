#!/usr/bin/env bash
# One dump of the database that the PG* variables name, gzipped, into BACKUP_DIR; then the BACKUP_KEEP newest
# are kept. Restore: gunzip < keyboss-<time>.sql.gz | psql
#
# A file named keyboss-*.sql.gz is whole: it was checked under another name and renamed. Old dumps go only after
# a new one is in place, so that a failing dump never costs a good one.
set -euo pipefail
shopt -s nullglob

dir=${BACKUP_DIR:?}
keep=${BACKUP_KEEP:?}
min_bytes=${BACKUP_MIN_BYTES:-1024}

log() { echo "$(date -u +%FT%TZ) $*"; }
fail() {
  log "backup FAILED: $*" >&2
  exit 1
}
size() { stat --format=%s "$1"; }
free_bytes() { df --output=avail --block-size=1 "$dir" | tail -n 1; }

[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_KEEP is '$keep', not a number from 1"
cd "$dir" || fail "$dir cannot be entered"

# Also against a backup started by hand; the lock goes with the process.
exec 9>.lock
flock --nonblock 9 || fail "another backup is running"

partial=.keyboss-$(date -u +%Y%m%dT%H%M%SZ).partial
trap 'rm -f "$partial"' EXIT
trap 'exit 143' TERM INT
for leftover in .keyboss-*.partial; do
  log "removing $leftover of a backup that was killed"
  rm -f "$leftover"
done

# A minute's patience: a failover may be under way, and whoever enforces NetworkPolicies learns of a new pod's address
# some seconds after it has started (https://kubernetes.io/docs/concepts/services-networking/network-policies/#pod-lifecycle).
# If it is in vain, pg_dump says why.
for attempt in {1..30}; do
  ! pg_isready --quiet || break
  log "the database does not answer yet (attempt $attempt)"
  sleep 2
done

log "dumping ${PGDATABASE:-} of ${PGHOST:-}"
# In the background and waited for, so that a signal does not have to wait for its end.
(
  # the lock is this script's alone
  exec 9>&-
  pg_dump --no-password --format=plain | gzip >"$partial"
) &
wait $! || fail "the dump was not written to its end; $(free_bytes) bytes are free on the volume"

sync "$partial"
gzip --test "$partial" || fail "the file cannot be unpacked"
bytes=$(size "$partial")
((bytes >= min_bytes)) || fail "$bytes bytes are no backup of a shop"
# pg_dump's last words. Newer versions close a psql block after them.
gzip --decompress --stdout "$partial" | tail --lines=10 | grep '^-- PostgreSQL database dump complete$' >/dev/null ||
  fail "the dump is cut short"
tables=$(gzip --decompress --stdout "$partial" | grep --count '^CREATE TABLE ') || fail "the dump holds no table"

name=${partial#.}
name=${name%.partial}.sql.gz
mv --no-clobber "$partial" "$name"
[[ ! -e $partial ]] || fail "$name exists already"
sync .
log "$name: $bytes bytes, $tables tables"

# The names sort by time. The newest stays in any case; others make room for a next one of the same size and a quarter.
dumps=(keyboss-*.sql.gz)
while ((${#dumps[@]} > 1)); do
  if ((${#dumps[@]} > keep)); then
    log "removing ${dumps[0]}: the $keep newest are kept"
  elif (($(free_bytes) < bytes * 5 / 4)); then
    log "removing ${dumps[0]}: the next dump needs its room; enlarge backup.storage to keep $keep"
  else
    break
  fi
  rm -f "${dumps[0]}"
  dumps=("${dumps[@]:1}")
done
log "backup done: ${#dumps[@]} kept, $(free_bytes) bytes free"
