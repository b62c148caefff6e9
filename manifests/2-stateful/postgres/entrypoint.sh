#!/bin/bash
# Runs PostgreSQL in the role that the record (POSTGRES_HOST) and the data give it, see role.sh. It decides at every
# container start: an init container does not run again when only its pod's container restarts.
#
# It stays process 1, beside the server: the postmaster takes any orphan that dies badly (a probe that was killed, say)
# for one of its backends and restarts them all.
#
# The volume: pgdata, and beside it
#   pgdata.partial  what a killed initdb or pg_basebackup left; thrown away
#   pgdata.new      the same, complete; only its renaming is missing
#   pgdata.old      what a complete clone replaced
#   initialised     this volume held a cluster; never again is one initialised here
#   provisional     a new cluster, which nobody uses until the peer, empty too, has copied it: that is the proof
#                   of a first install. (To do without a peer: remove the file.)
#   rewinding       pg_rewind has begun and not ended
#   stale           this standby could not catch up; it is to clone
#   lock            held while a container runs on this volume
set -Eeuo pipefail
trap 'echo "keyboss: line $LINENO failed: $BASH_COMMAND" >&2' ERR

PATH=/usr/lib/postgresql/15/bin:$PATH # the wrappers in /usr/bin start perl each time
export LC_ALL=C.UTF-8
volume=/var/lib/postgresql/data
run=/var/run/postgresql
config=/etc/keyboss
export PGDATA=$volume/pgdata
partial=$volume/pgdata.partial
peer_name=${POD_NAME%-*}-$((1 - ${POD_NAME##*-}))
peer_host=$peer_name.postgres
peer_error=
peer="host=$peer_host user=replicator connect_timeout=5"
# For psql, pg_basebackup, pg_rewind and the server's own WAL receiver: never on a command line, never in a file.
export PGPASSWORD=$REPLICATION_PASSWORD
watchdog=keyboss-watchdog # the application_name of its sessions

# Longer than this nothing waits without reading the record afresh, which takes a container start.
patience=300
# So long a starting peer is waited for: it may be a primary that recovers. After that it is more likely a rewound standby
# that needs WAL of ours to become consistent.
busy_limit=60
# A standby that neither streams nor replays for this long, while its primary answers, clones.
stall_limit=60
# So long a primary that is told to stop serves on, for the watchdog to make its standby primary first.
hand_over_limit=10

# shellcheck disable=SC1091
. "$config/role.sh"

say() { printf '%s keyboss: %s\n' "$(date -u '+%F %T.%3N UTC')" "$*" >&2; }

# --- Children and signals: bash runs a trap only between commands, so whatever takes long is waited for. ---

child='' stop_signal=TERM stopping='' role=''
on_stop() {
  stopping=yes
  # A primary may have to serve on for a moment: see handing_over.
  [ -z "$child" ] || [ "$role" = primary ] || kill -s "$stop_signal" "$child" 2>/dev/null || true
}
trap on_stop TERM INT

# Runs a command that a stop of the container ends.
run() {
  local code
  "$@" &
  child=$!
  while wait "$child" && code=0 || code=$?; kill -0 "$child" 2>/dev/null; do :; done
  child=
  [ -z "$stopping" ] || exit 0
  return "$code"
}

pause() { run sleep "$1" || true; }

refuse() {
  say "REFUSING TO START: $*"
  pause 15
  exit 1
}

# --- The facts. ---

control() { pg_controldata "$PGDATA" | sed -n "s/^$1: *//p"; }

inspect_own() {
  local other
  own=empty own_system='' own_timeline=0
  if [ -e "$PGDATA/global/pg_control" ] && own_system=$(control 'Database system identifier') && [ -n "$own_system" ]; then
    own_timeline=$(control "Latest checkpoint's TimeLineID")
    other=$(control "Min recovery ending loc's timeline")
    [ "$other" -le "$own_timeline" ] || own_timeline=$other
    own=primary
    [ ! -e "$PGDATA/standby.signal" ] || own=standby
    [ ! -e "$volume/stale" ] || [ $own = primary ] || own=stale
    [ ! -e "$volume/provisional" ] || own=provisional
    [ ! -e "$volume/rewinding" ] || own=broken
  elif [ -e "$volume/initialised" ]; then
    own=lost
  elif [ -e "$PGDATA" ]; then
    own=broken
  fi
}

# The peer's system|timeline|position|database, and on a second line whether it is in recovery, on or off. As a standby
# asks, without a database: sessions in one write a file now and then, which a full disk does not let them.
identify() { timeout "$1" psql -wXAtq "$peer connect_timeout=$2 replication=true" -c IDENTIFY_SYSTEM -c 'SHOW in_hot_standby'; }

# Asks three times before it says "denied": a server may stop between two questions.
ask_peer() {
  local answer code _
  for _ in 1 2 3; do
    peer_state=silent peer_system='' peer_timeline=0 peer_error=
    pg_isready -q -h "$peer_host" -U replicator -d postgres -t 3 && code=0 || code=$?
    [ "$code" != 1 ] || peer_state=busy
    [ "$code" = 0 ] || return 0
    if answer=$(identify 10 5 2>&1); then
      IFS='|' read -r peer_system peer_timeline _ <<<"$answer"
      peer_state=primary
      [ "${answer##*$'\n'}" = off ] || peer_state=standby
      return 0
    fi
    peer_state=denied peer_error=${answer//$'\n'/ }
    sleep 1
  done
}

relate() {
  kin=none
  [ -n "$own_system" ] && [ -n "$peer_system" ] || return 0
  if [ "$peer_system" != "$own_system" ]; then kin=foreign
  elif [ "$peer_timeline" -gt "$own_timeline" ]; then kin=later
  elif [ "$peer_timeline" -lt "$own_timeline" ]; then kin=earlier
  else kin=same; fi
}

# --- The actions. ---

# Puts the complete folder pgdata.partial in the place of pgdata; at no moment are there fewer than one complete.
# It writes all of it to the disk, so initdb and pg_basebackup need not (--no-sync).
install_data() {
  sync -f "$volume"
  rm -rf "$volume/pgdata.new"
  mv "$partial" "$volume/pgdata.new"
  touch "$volume/initialised"
  [ ! -e "$PGDATA" ] || mv "$PGDATA" "$volume/pgdata.old"
  mv "$volume/pgdata.new" "$PGDATA"
  rm -f "$volume/rewinding" "$volume/stale"
  sync -f "$volume"
  rm -rf "$volume/pgdata.old"
}

# What a kill at any moment may have left behind.
tidy_up() {
  if [ ! -e "$PGDATA" ] && [ -e "$volume/pgdata.new" ]; then
    mv "$volume/pgdata.new" "$PGDATA"
    rm -f "$volume/rewinding" "$volume/stale"
  fi
  rm -rf "$partial"
  rm -rf "$volume/pgdata.old" "$volume/pgdata.new"
  rm -f "$run/role"
  : >"$run/role.conf"
  if [ -e "$PGDATA" ]; then
    touch "$volume/initialised"
    chmod 0700 "$PGDATA" # a volume's fsGroup may have opened it, which PostgreSQL refuses
    # The lock shows that no server runs here; the process id in this file now belongs to somebody else.
    rm -f "$PGDATA/postmaster.pid"
  fi
}

initialise() {
  # C.UTF-8: its order of strings never changes with an upgrade of the C library, which would corrupt indexes.
  run initdb --no-sync -D "$partial" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth=peer >/dev/null
  run pg_ctl -s -w -D "$partial" start -o "-c config_file=$config/postgresql.conf -c listen_addresses=''"
  run psql -wXq -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$config/init.sql"
  run pg_ctl -s -w -D "$partial" stop -m fast
  touch "$volume/provisional"
  install_data
  lead
}

# By renaming first, so that a kill leaves no half of a cluster under the name of a whole one.
discard() {
  [ ! -e "$PGDATA" ] || mv "$PGDATA" "$partial"
  rm -rf "$partial"
}

clone() {
  local used='' free
  if [ -e "$volume/provisional" ]; then
    discard
    rm -f "$volume/provisional"
  fi
  [ ! -e "$PGDATA" ] || used=$(du -sm "$PGDATA" | cut -f1)
  free=$(df -BM --output=avail "$volume" | tr -dc 0-9)
  if [ -n "$used" ] && [ "$free" -lt $((used + used / 4 + 64)) ]; then
    say "no room for two copies (${used} MB here, ${free} MB free): removing the old one first"
    discard
  fi
  # A slow disk here is no reason for the primary to hang up, which it does to a standby after 5 s.
  run pg_basebackup --no-sync -w -d "$peer options='-c wal_sender_timeout=60s'" -D "$partial" -X stream -c fast || {
    say "pg_basebackup from $peer_name failed"
    pause 5
    exit 1
  }
  touch "$partial/standby.signal"
  install_data
  follow
}

# Throws away what this pod alone wrote, and nothing else. Without the CHECKPOINT, pg_rewind looks at the new
# primary's control file of before its promotion, sees the old timeline and finds "no rewind required".
rejoin() {
  say "our own WAL ends in checkpoint $(control 'Latest checkpoint location') of timeline $own_timeline; what $peer_name lacks of it is dropped"
  run timeout 60 psql -wXq "$peer dbname=postgres" -c CHECKPOINT || {
    say "no CHECKPOINT on $peer_name"
    pause 5
    exit 1
  }
  touch "$volume/rewinding"
  sync -f "$volume"
  if run pg_rewind -D "$PGDATA" --config-file="$config/postgresql.conf" --source-server="$peer dbname=postgres"; then
    touch "$PGDATA/standby.signal"
    sync -f "$volume"
    rm "$volume/rewinding"
    follow
  else
    say "pg_rewind failed: cloning"
    clone
  fi
}

follow() {
  {
    echo "primary_conninfo = '$peer application_name=$POD_NAME'"
    echo "primary_slot_name = '${POD_NAME//-/_}'"
    floors
  } >"$run/role.conf"
  serve standby
}

# A standby must allow as much as its primary did, or it stops; but it restarts first when a setting is lowered.
floors() {
  local label name mine needed
  while read -r label name; do
    needed=$(control "$label setting")
    mine=$(postgres -D "$PGDATA" -c config_file="$config/postgresql.conf" -C "$name")
    [ "$needed" -le "$mine" ] || echo "$name = $needed"
  done <<<'max_connections max_connections
max_worker_processes max_worker_processes
max_wal_senders max_wal_senders
max_prepared_xacts max_prepared_transactions
max_locks_per_xact max_locks_per_transaction'
}

lead() {
  if [ -e "$PGDATA/standby.signal" ]; then
    # A promotion, so that a timeline of its own shows who was primary when. From here on nothing comes from the peer.
    floors >"$run/role.conf"
  fi
  serve primary
}

# --- The server, and the little it needs while it runs. ---

sql() { timeout 10 psql -wXAtq -U postgres -d postgres -c "$1" 2>/dev/null; }

serve() {
  local code began=$SECONDS stopping_at='' nap
  role=$1 settled='' progress='' progress_at=$SECONDS served_until='' roles=''
  echo "$role" >"$run/role"
  # Fast: connections end at once, and a standby that keeps up has everything before we go.
  stop_signal=INT
  [ -z "$stopping" ] || exit 0
  postgres -D "$PGDATA" -c config_file="$config/postgresql.conf" &
  child=$!
  # Asked each time: a server that dies while we tend it is no longer waited for by `wait -n`.
  while kill -0 "$child" 2>/dev/null; do
    if [ -z "$stopping" ]; then
      "tend_$role"
    elif handing_over; then
      [ -n "$served_until" ] || {
        served_until=$((SECONDS + hand_over_limit))
        say "told to stop: serving until $peer_name is primary, for $hand_over_limit s at most"
      }
    else
      # Again and again: it may not have listened yet.
      kill -s "$stop_signal" "$child" 2>/dev/null || true
      [ -n "$stopping_at" ] || stopping_at=$SECONDS
      if [ "$stop_signal" = INT ] && ((SECONDS - stopping_at > 20)); then
        say "a fast shutdown takes too long: immediate"
        stop_signal=QUIT
      fi
    fi
    if [ -n "$settled" ] && [ -z "$stopping" ]; then nap=2; else nap=0.3; fi
    sleep "$nap" &
    wait -n "$child" $! 2>/dev/null || true
  done
  wait "$child" && code=0 || code=$?
  say "the server ended with code $code after $((SECONDS - began)) s"
  [ -z "$stopping" ] || code=0
  exit "$code"
}

# Whether the peer is primary, on a timeline that began after ours. What we acknowledged it has: it could become primary
# only as the standby without which we acknowledge nothing, or when somebody gave us up.
superseded() {
  local answer theirs
  answer=$(identify 3 2 2>/dev/null) || return 1
  [ "${answer##*$'\n'}" = off ] || return 1
  IFS='|' read -r _ theirs _ <<<"$answer"
  ((theirs > $(control "Latest checkpoint's TimeLineID")))
}

# Whether a primary that is told to stop is better kept for a moment: its standby has everything, and a watchdog is there
# to make it primary. A client then waits for that, and not for us to come back.
handing_over() {
  [ "$role" = primary ] && [ "$stop_signal" = INT ] || return 1
  if superseded; then
    say "$peer_name is primary now: stopping"
    stop_signal=QUIT
    return 1
  fi
  [ -z "$served_until" ] || ((SECONDS < served_until)) || return 1
  [ "$(sql "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$watchdog')
    AND EXISTS (SELECT FROM pg_stat_replication WHERE application_name = '$peer_name' AND state = 'streaming')")" = t ]
}

tend_primary() {
  local slot=${peer_name//-/_} now recovering slots copies
  now=$(sql "SELECT pg_is_in_recovery(),
    (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot' AND wal_status <> 'lost'),
    (SELECT count(*) FROM pg_stat_replication WHERE application_name = '$peer_name' AND state = 'streaming')") || return 0
  IFS='|' read -r recovering slots copies <<<"$now"
  if [ "$recovering" = t ]; then
    say "promoting"
    sql 'SELECT pg_promote(true, 8)' >/dev/null || true
    return 0
  fi
  # The peer's slot keeps the WAL it has not yet got, as far as max_slot_wal_keep_size goes. One that lost it is no use.
  if [ "$slots" = 0 ]; then
    sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$slot';
         SELECT pg_create_physical_replication_slot('$slot', true)" >/dev/null || return 0
  fi
  # Rows of no interest to the shop, written again at each start: nothing is to wait for a standby because of them.
  if [ -z "$roles" ] && PGOPTIONS='-c synchronous_commit=local' timeout 10 psql -wXq -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$config/roles.sql"; then
    roles=granted
  fi
  if [ -e "$volume/provisional" ]; then
    [ -n "$progress" ] || say "first install: this cluster is used once $peer_name, empty too, has copied it"
    progress=told
    [ "$copies" = 1 ] || return 0
    rm "$volume/provisional"
    say "first install: $peer_name has copied this cluster"
  fi
  if superseded; then
    say "$peer_name is primary, on a later timeline: stopping"
    stop_signal=QUIT
    on_stop
    return 0
  fi
  settled=$roles
}

tend_standby() {
  local now
  now=$(sql "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn(), (SELECT status FROM pg_stat_wal_receiver)") || now=starting
  if [[ $now == f* ]]; then
    say "promoted as it ran, by somebody else"
    role=primary settled='' progress='' roles=''
    echo $role >"$run/role"
    return 0
  fi
  if [ -z "$settled" ] && [ "$now" != starting ]; then
    # Slots of a life as primary would hold back WAL for nobody.
    sql 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active' >/dev/null || true
    settled=yes
  fi
  [[ $now != *streaming ]] || rm -f "$volume/stale"
  if [ "$now" != "$progress" ] || [[ $now == *streaming ]] || [ "$now" = starting ]; then
    progress=$now progress_at=$SECONDS
    return 0
  fi
  ((SECONDS - progress_at > stall_limit)) || return 0
  inspect_own
  ask_peer
  relate
  if [ "$peer_state" != primary ] || [ "$kin" = foreign ] || [ "$kin" = earlier ]; then
    say "not streaming: $peer_name is $peer_state${kin:+ ($kin)} $peer_error"
    progress_at=$((SECONDS - stall_limit / 2))
    return 0
  fi
  say "$peer_name is primary, but there has been no WAL from it for $stall_limit s: cloning at the next start"
  touch "$volume/stale"
  on_stop
}

# --- Start. ---

case $POSTGRES_HOST in
  "$POD_NAME".postgres | "$POD_NAME".postgres.*) record=named ;;
  "$peer_host" | "$peer_host".*) record=other ;;
  *) refuse "POSTGRES_HOST is '$POSTGRES_HOST', which is neither $POD_NAME.postgres nor $peer_host" ;;
esac

# A pod deleted by force may still run while its successor starts, on the same volume and unseen by it.
exec 9>"$volume/lock"
until flock -n 9; do
  say "another container still runs on this volume"
  pause 2
done

tidy_up
inspect_own
action='' why='' said='' said_at=0 busy_since=$SECONDS
while :; do
  ask_peer
  relate
  if [ "$peer_state" != busy ]; then busy_since=$SECONDS; fi
  if ((SECONDS - busy_since > busy_limit)); then peer_state=stuck; fi
  decide "$record" "$own" "$peer_state" "$kin" "$peer_name" "$peer_error"
  if [ "$action" != wait ] || [ "$said" != "$why" ] || ((SECONDS - said_at >= 30)); then
    say "$action: $why [record=$POSTGRES_HOST own=$own/$own_timeline peer=$peer_state/$peer_timeline $kin]"
    said=$why said_at=$SECONDS
  fi
  [ "$action" = wait ] || break
  if ((SECONDS > patience)); then
    say "starting again, to read the record afresh"
    exit 1
  fi
  pause 1
done
if [ "$action" = refuse ]; then refuse "$why"; fi
"$action"
