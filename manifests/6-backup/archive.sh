#!/usr/bin/env bash
# Archives the write-ahead log of the primary as it is written, and base backups, into ARCHIVE_DIR, so that at.sh can
# restore any moment since the oldest of them. Both are PostgreSQL's own programs:
# https://www.postgresql.org/docs/15/app-pgreceivewal.html and https://www.postgresql.org/docs/15/app-pgbasebackup.html.
#
#   <moment>/             a run: WAL without a gap. One that cannot go on ends, and another one begins
#   <moment>/system       which cluster's
#   <moment>/wal/         segments, those that are whole gzipped; the one that is being received is *.partial
#   <moment>/bases/<end>  base backups: any moment from <end> on can be restored from one
#   <moment>/until        the newest moment that can be restored
#
# Moments are those of the primary's clock, as in its WAL, and sort by their names. A base backup stands under its name
# only when it is whole. Nothing here is waited for by the primary, and it keeps no WAL for us but what its settings say:
# what happens to this volume is no matter of the shop's.
set -euo pipefail
shopt -s nullglob extglob

archive=${ARCHIVE_DIR:?}
every=$((${BASE_EVERY_HOURS:?} * 3600))
keep=${KEEP_BASES:?}
# No standby has this name, so no commit and no watchdog counts us as one.
receiver_name=postgres-archive
# How long after a failure a base backup is tried again, and how long a receiver may be unknown to the primary, seconds.
try_again=60 lost_after=10
# Less than this is no room for the WAL of a busy minute.
reserve=$((64 * 1024 * 1024))
segment_bytes=$((16 * 1024 * 1024))
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH # the wrappers in /usr/bin start perl each time

log() { echo "$(date -u +%FT%TZ) $*"; }
free_bytes() { df --output=avail --block-size=1 "$archive" | tail -n 1; }
sql() {
  timeout 10 psql --no-psqlrc --no-password --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 \
    --set=receiver=$receiver_name "$@"
}
# Every base backup, the oldest first: each run begins after the last one of the run before.
bases() {
  local one
  for one in "$archive"/*/bases/[0-9]*; do echo "$one"; done
}
moment="to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

receiver='' seen_at=0 base='' base_due=0 base_failed='' run='' pending='' said='' is_full=''
# Once, until something else is to be said.
say() {
  [[ $said == "$*" ]] || log "$*"
  said=$*
}
stop() {
  [[ -z $receiver ]] || kill -INT "$receiver" 2>/dev/null || true
  [[ -z $base ]] || kill -TERM "$base" 2>/dev/null || true
  wait
  exit 0
}
trap stop TERM INT

# The last segment that pg_receivewal will find, as it looks for it: by its place first, then by its timeline.
last_segment() {
  local file
  for file in "$run"/wal/+([0-9A-F]){,.gz,.partial}; do
    file=${file##*/}
    echo "${file:8:16} ${file:0:8} ${file:24}"
  done | sort | tail -n 1
}

# Whether this primary can go on where the run has ended; if not, why.
can_go_on() {
  local place timeline suffix segment
  [[ $(<"$run/system") == "$1" ]] || {
    echo "another cluster"
    return
  }
  read -r place timeline suffix < <(last_segment) || true
  # Nothing was received yet: it begins wherever the primary is.
  [[ -n $place ]] || return 0
  segment=$(((0x${place:0:8} << 8) + 0x${place:8:8}))
  [[ $suffix == .partial ]] || segment=$((segment + 1))
  # The one thing that pg_rewind's rights are good for here: looking into pg_wal.
  sql --set=own=$((0x$timeline)) --set=start="$(printf '%X/%X' $((segment >> 8)) $(((segment & 0xff) << 24)))" \
    --set=place="$(printf '%08X%08X' $((segment >> 8)) $((segment & 0xff)))" <<'SQL'
SELECT CASE
  WHEN :own > timeline OR :own = timeline AND :'start'::pg_lsn > flushed THEN 'a primary that never had it'
  WHEN :own < timeline AND :'start'::pg_lsn > (
    SELECT (regexp_match(convert_from(pg_read_binary_file('pg_wal/' || lpad(to_hex(timeline), 8, '0') || '.history'), 'UTF8'),
      '(?n)^' || :own || '\t([0-9A-F]+/[0-9A-F]+)'))[1]::pg_lsn) IS NOT FALSE THEN 'a primary that never had it'
  WHEN :'start'::pg_lsn < flushed AND NOT EXISTS (
    SELECT FROM pg_ls_dir('pg_wal', true, false) AS file WHERE file ~ ('^[0-9A-F]{8}' || :'place' || '$'))
    THEN 'a gap: the primary no longer has the WAL that comes next'
  ELSE '' END
FROM pg_current_wal_flush_lsn() AS flushed,
  LATERAL (SELECT ('x' || left(pg_walfile_name(flushed), 8))::bit(32)::int AS timeline) AS one
SQL
}

begin_run() {
  local new=$archive/$2
  mkdir -p "$new/wal" "$new/bases" && echo "$1" >"$new/system.partial" && sync -f "$new" &&
    mv "$new/system.partial" "$new/system" || return
  if [[ -n $base ]]; then
    kill -TERM "$base" 2>/dev/null || true
    wait "$base" || true
  fi
  run=$new base='' base_due=0 base_failed='' pending=''
}

start_receiver() {
  local system=$1 now=$2 why='an archive begins' file
  if [[ -n $run ]]; then
    why=$(can_go_on "$system") || return 0
    [[ -z $why ]] || why+="; what was archived until $(last_moment) stays, and a new base backup begins what comes next"
  fi
  if [[ -n $why ]]; then
    log "$why"
    begin_run "$system" "$now" || return 0
  fi
  # One that a full volume has cut short would be refused: nothing is in it yet.
  for file in "$run"/wal/*.partial; do
    [[ $(stat --format=%s "$file") == "$segment_bytes" ]] || truncate --size=0 "$file"
  done
  # Flushed as it arrives: at.sh reads the last segment too. A network that is silent is noticed, as the primary does.
  PGAPPNAME=$receiver_name pg_receivewal --no-password --no-loop --synchronous --status-interval=1 --directory="$run/wal" \
    --dbname="tcp_user_timeout=10000 keepalives_idle=5 keepalives_interval=5 keepalives_count=2" &
  receiver=$! seen_at=$SECONDS
}

last_moment() {
  if [[ -e $run/until ]]; then cat "$run/until"; else echo none; fi
}

# What was flushed there when a place was asked for is all that was committed by then, and one transaction more.
confirm() {
  local now=$1 flushed=$2 received=$3
  [[ -n $pending ]] || pending="$now $flushed"
  if [[ $(sql --set=one="$received" --set=other="${pending#* }" <<<"SELECT :'one'::pg_lsn >= :'other'::pg_lsn") == t ]]; then
    echo "${pending% *}" >"$run/until.partial" && mv "$run/until.partial" "$run/until" || return 0
    pending=''
  fi
}

# Gzips a few of the segments that are whole.
compress() {
  local file count=0
  for file in "$run"/wal/+([0-9A-F]); do
    ((count++ < 4)) || return 0
    nice gzip --stdout "$file" >"$run/wal/.gz.partial" && sync "$run/wal/.gz.partial" || return 0
    mv "$run/wal/.gz.partial" "$file.gz"
    rm "$file"
  done
}

# Takes a base backup; it ends by itself. The WAL that it needs is received meanwhile.
take_base() {
  local partial=$run/bases/.partial newest needed end
  newest=$(bases | tail -n 1)
  if [[ -n $newest ]]; then
    needed=$(($(du --bytes --summarize "$newest" | cut -f 1) * 5 / 4 + reserve))
    (($(free_bytes) > needed)) || {
      log "base backup FAILED: $(free_bytes) bytes are free, and it may take $needed: enlarge backup.pointInTime.storage"
      return 1
    }
  fi
  rm -rf "$archive"/*/bases/.partial
  log "taking a base backup"
  # A slow disk here is no reason for the primary to hang up.
  PGOPTIONS='-c wal_sender_timeout=60s' pg_basebackup --no-password --pgdata="$partial" --format=tar --gzip \
    --wal-method=none --checkpoint=fast 2> >(grep --invert-match '^NOTICE: .*WAL archiving' >&2) &
  # shellcheck disable=SC2064 # this one
  trap "kill $! 2>/dev/null" TERM
  if ! wait $! || ! gzip --test "$partial/base.tar.gz" || [[ ! -s $partial/backup_manifest ]]; then
    log "base backup FAILED; $(free_bytes) bytes are free"
    rm -rf "$partial"
    return 1
  fi
  end=$(sql --command="SELECT $moment") || return 1
  sync -f "$partial"
  mv "$partial" "$run/bases/$end"
  sync -f "$run"
  log "base backup of $end: $(stat --format=%s "$run/bases/$end/base.tar.gz") bytes"
}

# The segment with which a base backup begins.
first_segment() {
  local range timeline high low
  range=$(tr -d '\n' <"$1/backup_manifest" | sed -n 's/.*"WAL-Ranges": \[ *\({[^}]*}\).*/\1/p')
  timeline=$(sed -n 's/.*"Timeline": \([0-9]*\).*/\1/p' <<<"$range")
  IFS=/ read -r high low < <(sed -n 's|.*"Start-LSN": "\([0-9A-F]*/[0-9A-F]*\)".*|\1|p' <<<"$range")
  printf '%08X%08X%08X\n' "$timeline" $((0x$high)) $((0x$low / segment_bytes))
}

# The newest bases stay, so many as are wanted and there is room for, and the WAL from the oldest of them on.
tidy() {
  local all one
  mapfile -t all < <(bases)
  while ((${#all[@]} > keep)) || { ((${#all[@]} > 1)) && (($(free_bytes) < reserve)); }; do
    if ((${#all[@]} > keep)); then
      log "removing the base backup of ${all[0]##*/}: the $keep newest are kept"
    else
      log "removing the base backup of ${all[0]##*/}: WAL needs its room; enlarge backup.pointInTime.storage to keep $keep"
    fi
    rm -rf "${all[0]}"
    all=("${all[@]:1}")
    for one in "$archive"/[0-9]*; do
      remove_wal "$one"
    done
  done
  is_full=''
  (($(free_bytes) > reserve)) || is_full=yes
}

# A run that is over goes with its last base.
remove_wal() {
  local of=("$1"/bases/[0-9]*)
  if ((${#of[@]} > 0)); then
    pg_archivecleanup -x .gz "$1/wal" "$(first_segment "${of[0]}")"
  elif [[ $1 != "$run" ]]; then
    rm -rf "$1"
  fi
}

tick() {
  local facts system now flushed streaming received
  if [[ -n $receiver ]] && ! kill -0 "$receiver" 2>/dev/null; then
    wait "$receiver" && true
    log "the receiver ended with code $?"
    receiver='' pending=''
  fi
  if [[ -n $base ]] && ! kill -0 "$base" 2>/dev/null; then
    if wait "$base"; then
      base_failed='' base_due=$((SECONDS + every))
    else
      base_failed=yes base_due=$((SECONDS + try_again))
    fi
    base=''
  fi
  tidy
  # A transaction of ours after that moment, which ends its restoring: there may be none else for hours. No row is written.
  facts=$(sql <<SQL
SET synchronous_commit = local;
SELECT $moment AS now \gset
SELECT pg_logical_emit_message(true, :'receiver', '') \g /dev/null
SELECT (SELECT system_identifier FROM pg_control_system()), :'now', pg_current_wal_flush_lsn(), state, flush_lsn
FROM (VALUES (1)) AS one LEFT JOIN pg_stat_replication ON application_name = :'receiver'
ORDER BY reply_time DESC NULLS LAST LIMIT 1
SQL
  ) || {
    say "the primary does not answer"
    return 0
  }
  IFS='|' read -r system now flushed streaming received <<<"$facts"
  if [[ -z $receiver ]]; then
    start_receiver "$system" "$now"
    return 0
  fi
  if [[ $streaming == streaming ]]; then
    seen_at=$SECONDS
    [[ -z $received ]] || confirm "$now" "$flushed" "$received"
    [[ -n $base_failed ]] || touch /tmp/streaming
    say "receiving${is_full:+, but the volume is nearly full: enlarge backup.pointInTime.storage}"
    if [[ -z $base && -n $(last_segment) ]] && ((SECONDS >= base_due)); then
      take_base &
      base=$!
    fi
  elif [[ -z $streaming ]] && ((SECONDS - seen_at > lost_after)); then
    # It listens to a server that is primary no longer, or that is gone.
    log "the primary does not know the receiver: starting it again"
    kill -INT "$receiver" 2>/dev/null || true
    seen_at=$SECONDS
  fi
  compress
}

for found in "$archive"/[0-9]*; do
  [[ ! -e $found/system ]] || run=$found
done
rm -rf "$archive"/*/bases/.partial "$archive"/*/wal/.gz.partial
if [[ -n $run ]]; then
  newest=("$run"/bases/[0-9]*)
  if ((${#newest[@]} > 0)); then
    age=$(($(date +%s) - $(date --date="$(basename "${newest[-1]}")" +%s)))
    base_due=$((SECONDS + every - age))
  fi
fi
while :; do
  tick
  touch /tmp/alive
  sleep 2 &
  wait $! || true
done
