#!/usr/bin/env bash
# One dump of the database that the PG* variables name, gzipped, into BACKUP_DIR, and a manifest beside it; then the
# BACKUP_KEEP newest are kept. Restore by hand: gunzip < keyboss-<time>.sql.gz | psql
#
# A file named keyboss-*.sql.gz is whole: it was checked under another name and renamed. keyboss-*.json says what is in it:
# the rows of each table at that moment, and the file's checksum. Old dumps go only after a new one is in place, so that a
# failing dump never costs a good one.
set -euo pipefail
shopt -s nullglob

scripts=$(dirname "$0")
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
sql() { psql --no-psqlrc --no-password --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 "$@"; }

[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_KEEP is '$keep', not a number from 1"
cd "$dir" || fail "$dir cannot be entered"

# Also against a backup started by hand; the lock goes with the process.
exec 9>.lock
flock --nonblock 9 || fail "another backup is running"

# A dump that was taken in this very second keeps its name.
until
  name=keyboss-$(date -u +%Y%m%dT%H%M%SZ)
  [[ ! -e $name.sql.gz ]]
do
  sleep 0.2
done
dump=.$name.partial contents=.$name.contents.partial
trap 'rm -f "$dump" "$contents"' EXIT
trap 'exit 143' TERM INT
for leftover in .keyboss-*.partial; do
  log "removing $leftover of a backup that was killed"
  rm -f "$leftover"
done

dumps=(keyboss-*.sql.gz)
if ((${#dumps[@]} > 0)) && (($(free_bytes) < $(size "${dumps[-1]}"))); then
  fail "$(free_bytes) bytes are free on the volume, and the last dump has $(size "${dumps[-1]}"): enlarge backup.storage"
fi

# A minute's patience: a failover may be under way, and whoever enforces NetworkPolicies learns of a new pod's address
# some seconds after it has started (https://kubernetes.io/docs/concepts/services-networking/network-policies/#pod-lifecycle).
# If it is in vain, pg_dump says why.
for attempt in {1..30}; do
  ! pg_isready --quiet || break
  log "the database does not answer yet (attempt $attempt)"
  sleep 2
done

# The standby that follows the primary, if there is one and it gets as far as the primary is now: a dump of it is in
# nobody's way.
caught_up_standby() {
  local standby at until=$((SECONDS + 30))
  at=$(sql --command='SELECT pg_current_wal_lsn()' 2>/dev/null) || return
  local follows="SELECT pg_last_wal_replay_lsn() >= '$at' FROM pg_stat_wal_receiver WHERE status = 'streaming'"
  while ((SECONDS < until)); do
    for standby in ${BACKUP_STANDBYS:-}; do
      case $(PGHOST=$standby sql --command="$follows" 2>/dev/null) in
        t) echo "$standby" && return ;;
        f) sleep 0.2 && continue 2 ;;
      esac
    done
    return 1
  done
  return 1
}

# Every few seconds, beside the dump, until it is killed.
tell_progress() {
  while sleep "${PROGRESS_SECONDS:-5}"; do
    [[ ! -s $dump ]] || log "$(size "$dump") bytes of the dump are written"
  done
}

# In the background and waited for, so that a signal does not have to wait for its end. The lock is this script's alone.
dump_of() {
  log "dumping ${PGDATABASE:-} of $1"
  PGHOST=$1 BACKUP_FILE=$dump sql --file="$scripts/dump.sql" >"$contents" 9>&- &
  local dumping=$! progress status=0
  tell_progress 9>&- &
  progress=$!
  wait $dumping || status=$?
  kill $progress
  wait $progress 2>/dev/null || true
  ((status == 0)) && [[ -s $contents ]]
}

began=$SECONDS
dumped=''
source=$(caught_up_standby) || source=${PGHOST:-}
! dump_of "$source" || dumped=yes
if [[ -z $dumped && $source != "${PGHOST:-}" ]]; then
  # A standby ends queries that are in the way of what it has to replay.
  log "the standby did not let it end"
  source=$PGHOST
  ! dump_of "$source" || dumped=yes
fi
[[ -n $dumped ]] || fail "the dump was not written to its end; $(free_bytes) bytes are free on the volume"

sync "$dump"
# Unpacked once, for both: whether that is possible, and pg_dump's last words. Newer versions close a psql block after them.
last=$(gzip --decompress --stdout "$dump" | tail --lines=10) || fail "the file cannot be unpacked"
grep '^-- PostgreSQL database dump complete$' <<<"$last" >/dev/null || fail "the dump is cut short"
bytes=$(size "$dump")
((bytes >= min_bytes)) || fail "$bytes bytes are no backup of a shop"
tables=$(($(wc --lines <"$contents") - 1))
((tables > 0)) || fail "the dump holds no table"

checksum=$(sha256sum "$dump")
{
  head --lines=1 "$contents" | sed 's/ *}$//'
  printf ', "source": "%s", "seconds": %d, "bytes": %d, "sha256": "%s",\n"tables": {\n' \
    "${BACKUP_SOURCE:-$source}" $((SECONDS - began)) "$bytes" "${checksum%% *}"
  tail --lines=+2 "$contents" | sed '$!s/$/,/'
  echo '}}'
} >"$contents.partial"
mv "$contents.partial" "$contents"
sync "$contents"

# A manifest without its dump says nothing; a dump without its manifest would not be known to be whole.
mv "$contents" "$name.json"
mv "$dump" "$name.sql.gz"
sync .
log "$name: $bytes bytes, $tables tables, from $source"

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
for manifest in keyboss-*.json; do
  [[ -e ${manifest%.json}.sql.gz ]] || rm -f "$manifest"
done
log "backup done: ${#dumps[@]} kept, $(free_bytes) bytes free"

# The termination message of the container: keyboss exporter publishes it.
[[ ! -w /dev/termination-log ]] ||
  printf '{"backup": {"name": "%s", "time": "%s", "bytes": %d, "seconds": %d}}' \
    "$name" "$(sed -n 's/^{"time" : "\([^"]*\)".*/\1/p' "$name.json")" "$bytes" $((SECONDS - began)) >/dev/termination-log
