#!/usr/bin/env bash
# Writes a dump of the shop's database as it was at a moment (the first argument, such as 2026-01-02T10:00:00Z) into
# BACKUP_DIR: an ordinary backup, which backup.sh takes of a server of its own in SCRATCH_DIR. That one is restored from
# ARCHIVE_DIR, which archive.sh fills: the newest base backup before that moment, and the WAL until then.
set -euo pipefail
shopt -s nullglob

scripts=$(dirname "$0")
archive=${ARCHIVE_DIR:?}
scratch=${SCRATCH_DIR:?}

log() { echo "$(date -u +%FT%TZ) $*"; }
fail() {
  log "restoring a moment FAILED: $*" >&2
  exit 1
}
sql() { psql --no-psqlrc --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 --host="$scratch" --username=postgres --dbname=postgres "$@"; }

moment=$(date --utc --date="${1:?}" +%FT%T.%6NZ) || fail "$1 is no moment, such as 2026-01-02T10:00:00Z"

# The run that the moment is in, and the newest base before it. Moments sort by their letters.
spans='' base='' end=''
for run in "$archive"/[0-9]*; do
  bases=("$run"/bases/[0-9]*)
  [[ ${#bases[@]} -gt 0 && -e $run/until ]] || continue
  read -r until place <"$run/until"
  from=${bases[0]##*/}
  [[ ! $until < $from ]] || continue
  spans+="${spans:+, and }from $from to $until"
  [[ ! $moment < $from && ! $until < $moment ]] || continue
  for one in "${bases[@]}"; do
    [[ $moment < ${one##*/} ]] || base=$one end=$place wal=$run/wal
  done
done
[[ -n $spans ]] || fail "there is no base backup with its WAL in the archive yet"
[[ -n $base ]] || fail "$moment cannot be restored, but what was there $spans"

# What was backed up, and WAL as far as the server lets it grow.
bytes=$(sed -n 's/.*"Size": \([0-9]*\).*/\1/p' "$base/backup_manifest" | paste --serial --delimiters=+)
needed=$(((bytes) * 5 / 4 + 640 * 1024 * 1024))
free=$(df --output=avail --block-size=1 "$scratch" | tail -n 1)
((free > needed)) || fail "$free bytes are free in $scratch, and restoring the base backup of ${base##*/} may take $needed"

log "restoring the base backup of ${base##*/}"
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH # the wrappers in /usr/bin start perl each time
data=$scratch/data
server=''
trap '[[ -z $server ]] || { kill -INT $server 2>/dev/null; wait $server; }; rm -rf "$data"' EXIT
trap 'exit 143' TERM INT
mkdir --mode=0700 "$data"
tar --extract --gzip --file="$base/base.tar.gz" --directory="$data"
cp "$base/backup_manifest" "$data"
pg_verifybackup --quiet --no-parse-wal "$data" || fail "the base backup of ${base##*/} is not what was written"

# A standby must allow as much as its primary did: then, or now.
floor() {
  local before
  before=$(pg_controldata "$data" | sed -n "s/^$1 setting: *//p")
  echo "$2 = $((before > ${3:-0} ? before : ${3:-0}))"
}
rm -f "$data"/{postgresql.auto.conf,standby.signal,recovery.signal}
touch "$data/standby.signal" "$data/postgresql.auto.conf"
echo 'local all all trust' >"$scratch/hba.conf"
# A standby that follows nobody: it never goes beyond the moment, and never ends because no row was written after it.
# It may be read as it stands there. Nothing of it has to survive.
cat >"$scratch/server.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$scratch'
hba_file = '$scratch/hba.conf'
dynamic_shared_memory_type = mmap
timezone = UTC
fsync = off
full_page_writes = off
max_wal_size = 256MB
restore_command = 'bash $scripts/wal.sh "$wal" %f %p'
recovery_target_time = '${moment%Z}+00'
recovery_target_action = pause
recovery_target_timeline = latest
max_standby_archive_delay = -1
wal_retrieve_retry_interval = 100ms
$(floor max_connections max_connections "${POSTGRES_MAX_CONNECTIONS:-}")
$(floor max_worker_processes max_worker_processes)
$(floor max_wal_senders max_wal_senders)
$(floor max_prepared_xacts max_prepared_transactions)
$(floor max_locks_per_xact max_locks_per_transaction)
CONF
postgres -D "$data" -c config_file="$scratch/server.conf" >"$scratch/server.log" 2>&1 &
server=$!

# There it is, when it has stopped before the first transaction after the moment; or when it has replayed what was written
# until a later one, and such a transaction was not among it; or when all that comes next is a piece of one.
look="SELECT CASE WHEN pg_get_wal_replay_pause_state() = 'paused' OR pg_last_wal_replay_lsn() >= '$end' THEN 'there'
    WHEN (SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup')
      IN ('RecoveryRetrieveRetryInterval', 'RecoveryWalStream', 'RestoreCommand') THEN 'waits at ' || pg_last_wal_replay_lsn()
    ELSE 'replays' END"
began=$SECONDS state='' idle=0
while [[ $state != there ]]; do
  sleep 0.5
  kill -0 $server 2>/dev/null || fail "the server ended: $(tail --lines=5 "$scratch/server.log")"
  before=$state
  state=$(sql --command="$look" 2>/dev/null) || state=starting
  if [[ $state == waits* && $state == "$before" ]]; then idle=$((idle + 1)); else idle=0; fi
  if ((idle > 20)); then
    [[ $(sql --command="SELECT '$end'::pg_lsn - '${state##* }' < 16 * 1024 * 1024") == t ]] ||
      fail "the archive lacks the WAL after ${state##* }, and the moment is before $end"
    state=there
  fi
done
sql --command=CHECKPOINT
log "the database is as it was at $moment, after $((SECONDS - began)) s"

PGHOST=$scratch BACKUP_SOURCE=archive BACKUP_MOMENT=$moment bash "$scripts/backup.sh"
