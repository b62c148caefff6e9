#!/bin/bash
# Runs Redis as master or as replica. Who is master: what two Sentinels agree on, else the other pod if it is master and
# has data, else the record (REDIS_MASTER). It decides at every container start.
#
# A master that the Sentinels name may be replaced by them while it starts. So it acknowledges nothing before a replica is
# attached to it, or the watchdog finds that it is alone (--min-replicas-to-write).
#
# A master that starts empty would empty its replica with it. So an empty one asks the other pod first: has that no data
# either, it starts; has it some, it copies them and is not ready before it has them all; does it not answer, it waits.
# (To do without the other pod: create the file /data/start-empty.)
set -Eeuo pipefail
trap 'echo "keyboss: line $LINENO failed: $BASH_COMMAND" >&2' ERR

config=/etc/keyboss/redis.conf
me=$POD_NAME.redis
peer=${POD_NAME%-*}-$((1 - ${POD_NAME##*-})).redis
sentinels='redis-sentinel-0 redis-sentinel-1 redis-sentinel-2'
patience=10 # seconds
copying=/data/copying # while this exists, /data holds a copy that is not complete

say() { printf '%s keyboss: %s\n' "$(date -u '+%F %T.%3N UTC')" "$*" >&2; }

trap 'exit 0' TERM INT
pause() {
  sleep "$1" &
  wait $!
}

# ask HOST COMMAND...; nothing when it does not answer
ask() {
  local host=$1
  shift
  timeout 3 redis-cli -h "$host" "$@" 2>/dev/null | tr -d '\r' || true
}

# One field of INFO.
field() { sed -n "s/^$1://p" <<<"$2"; }

# Sets peer_role (empty when it does not answer) and peer_data: some | none | loading.
ask_peer() {
  local info
  info=$(ask "$peer" INFO)
  peer_role=$(field role "$info")
  peer_data=none
  [ "$(field loading "$info")" = 0 ] || peer_data=loading
  ! grep -q '^db[0-9]*:keys=' <<<"$info" || peer_data=some
}

# Sets votes: whom each Sentinel names. Where no two agree though one has a name, they are asked for a while: they may be
# starting too, and whoever enforces NetworkPolicies learns of a new pod, which this is, some seconds after it has started.
ask_sentinels() {
  local name until=$((SECONDS + patience))
  while :; do
    votes=''
    for name in $sentinels; do
      votes+=" $(ask "$name.redis-sentinel" -p 26379 SENTINEL GET-MASTER-ADDR-BY-NAME keyboss | head -1)"
    done
    case $votes in *" $me"*" $me"* | *" $peer"*" $peer"*) return 0 ;; esac
    a_sentinel_has_a_name && ((SECONDS < until)) || return 0
    pause 0.5
  done
}

a_sentinel_has_a_name() {
  local name
  for name in $sentinels; do
    ! getent hosts "$name.redis-sentinel" >/dev/null || return 0
  done
  return 1
}

find_master() {
  local votes
  ask_sentinels
  master='' why="the Sentinels agree" guard=(--min-replicas-to-write 1)
  case $votes in
    *" $me"*" $me"*) master=$me ;;
    *" $peer"*" $peer"*) master=$peer ;;
  esac
  [ -z "$master" ] || return 0
  guard=()
  ask_peer
  if [ "$peer_role" = master ] && [ "$peer_data" = some ] && [ ! -e $copying ]; then
    master=$peer why="it answers as master, with data"
  else
    master=$REDIS_MASTER why="the record says so"
  fi
}

has_data() { [ ! -e $copying ] && [ -e /data/appendonlydir ] && compgen -G '/data/appendonlydir/*.manifest' >/dev/null; }

# Beside a server that runs as a replica. Until it has what its master has, the Sentinels must not promote it: it may lack
# what was acknowledged while it was away.
promotable() {
  local mine
  until
    mine=$(ask 127.0.0.1 INFO replication)
    [ "$(field master_link_status "$mine")" = up ] || [ "$(field role "$mine")" = master ] ||
      # Its master was lost since it was in sync; -1 would be never.
      [ "$(field master_link_down_since_seconds "$mine")" -ge 0 ] 2>/dev/null
  do sleep 0.5; done
  until [ "$(ask 127.0.0.1 CONFIG SET replica-priority 100)" = OK ]; do sleep 0.5; done
}

# Beside the server, which runs as a replica of the peer meanwhile: as such it hands nothing on to anybody.
copy_from_peer() {
  local mine
  until [ "$(ask 127.0.0.1 PING)" = PONG ]; do sleep 0.2; done
  while :; do
    mine=$(ask 127.0.0.1 INFO)
    # The copy is on disk too once the log has been rewritten from it.
    if [ "$(field master_link_status "$mine")" = up ] && [ "$(field aof_rewrite_in_progress "$mine")" = 0 ] &&
      [ "$(field aof_rewrite_scheduled "$mine")" = 0 ] && [ "$(field aof_last_bgrewrite_status "$mine")" = ok ] &&
      [ "$(field slave_repl_offset "$mine")" = "$(field master_repl_offset "$(ask "$peer" INFO replication)")" ]; then
      break
    fi
    # A replica without a link to its master, which we are, gives nobody a copy. Nothing writes to it meanwhile:
    # the Service redis-master leads to this pod alone.
    [ "$(field role "$(ask "$peer" INFO replication)")" != slave ] || ask "$peer" REPLICAOF NO ONE >/dev/null
    sleep 0.5
  done
  # Without its master, the Sentinels may have promoted the peer meanwhile.
  find_master
  if [ "$master" = "$peer" ]; then
    rm $copying
    promotable
    say "all data copied from $peer, which is master: $why"
    return
  fi
  ask 127.0.0.1 REPLICAOF NO ONE >/dev/null
  until [ "$(field master_host "$(ask "$peer" INFO replication)")" = "$me" ]; do
    ask "$peer" REPLICAOF "$me" 6379 >/dev/null
    sleep 0.5
  done
  rm $copying
  promotable
  say "all data copied from $peer: this pod is master"
}

serve() { exec redis-server $config --replica-announce-ip "$me" "$@"; }

case $REDIS_MASTER in
  "$me" | "$peer") ;;
  *)
    say "REFUSING TO START: REDIS_MASTER is '$REDIS_MASTER', which is neither $me nor $peer"
    pause 15
    exit 1
    ;;
esac

find_master
if [ "$master" != "$me" ]; then
  say "replica of $peer: $why ($master)"
  promotable &
  serve --replicaof "$peer" 6379 --replica-priority 0
elif has_data; then
  say "master: $why"
  serve "${guard[@]}"
fi

said=''
while :; do
  ask_peer
  case "$peer_role $peer_data" in
    "master some" | "slave some")
      say "this volume has no complete data: copying those of $peer before this pod is master"
      touch $copying
      copy_from_peer &
      serve --replicaof "$peer" 6379 --replica-priority 0 "${guard[@]}"
      ;;
    "master none" | "slave none") break ;;
  esac
  [ ! -e /data/start-empty ] || break
  [ -n "$said" ] || say "this volume is empty: waiting for $peer, which may hold the data"
  said=yes
  pause 0.5
done
say "master, empty: $why"
rm -f $copying /data/start-empty
serve "${guard[@]}"
