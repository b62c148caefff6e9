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

moment=$(date --utc --date="${1:?}" +%FT%T.%6NZ) || fail "$1 is no moment, such as 2026-01-02T10:00:00Z"

# The run that the moment is in, and the newest base before it. Moments sort by their letters.
spans='' base=''
for run in "$archive"/[0-9]*; do
  bases=("$run"/bases/[0-9]*)
  [[ ${#bases[@]} -gt 0 && -e $run/until ]] || continue
  until=$(<"$run/until")
  from=${bases[0]##*/}
  [[ ! $until < $from ]] || continue
  spans+="${spans:+, and }from $from to $until"
  [[ ! $moment < $from && ! $until < $moment ]] || continue
  for one in "${bases[@]}"; do
    [[ $moment < ${one##*/} ]] || base=$one wal=$run/wal
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

rm -f "$data"/{postgresql.auto.conf,standby.signal}
touch "$data/recovery.signal" "$data/postgresql.auto.conf"
echo 'local all all trust' >"$scratch/hba.conf"
# It ends before the first transaction that was committed after the moment. What was under way there is rolled back, and
# its locks are given back: whoever dropped a table does not keep us from dumping it. There always is such a transaction,
# if only that of archive.sh. Nothing of this server has to survive.
cat >"$scratch/server.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$scratch'
hba_file = '$scratch/hba.conf'
dynamic_shared_memory_type = mmap
timezone = UTC
fsync = off
full_page_writes = off
max_wal_size = 256MB
hot_standby = off
restore_command = 'bash $scripts/wal.sh "$wal" %f %p'
recovery_target_time = '${moment%Z}+00'
recovery_target_action = promote
recovery_target_timeline = latest
CONF
began=$SECONDS
postgres -D "$data" -c config_file="$scratch/server.conf" >"$scratch/server.log" 2>&1 &
server=$!
until psql --no-psqlrc --quiet --host="$scratch" --username=postgres --dbname=postgres --command='' 2>/dev/null; do
  kill -0 $server 2>/dev/null || fail "the server ended: $(tail --lines=5 "$scratch/server.log")"
  sleep 0.5
done
log "the database is as it was at $moment, after $((SECONDS - began)) s"

PGHOST=$scratch BACKUP_SOURCE=archive BACKUP_MOMENT=$moment bash "$scripts/backup.sh"
