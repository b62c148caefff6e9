#!/bin/bash
# Before a pod is stopped (preStop): a master hands over to its replica, so that nothing is lost and writes wait for a
# second or two. Its writes are paused, one Sentinel promotes the replica as soon as that has everything, and the
# watchdog moves the Service redis-master and makes this pod a replica. Where that is not possible, the pod just stops,
# and the Sentinels find out.
set -Euo pipefail

me=$POD_NAME.redis
peer=${POD_NAME%-*}-$((1 - ${POD_NAME##*-})).redis
sentinels='redis-sentinel-0 redis-sentinel-1 redis-sentinel-2'

# ask HOST COMMAND...; nothing when it does not answer
ask() {
  local host=$1
  shift
  timeout 1 redis-cli -h "$host" "$@" 2>/dev/null | tr -d '\r' || true
}

# One field of INFO.
field() { sed -n "s/^$1://p" <<<"$2"; }

# Prints to the container's log.
say() { printf '%s keyboss: %s\n' "$(date -u '+%F %T.%3N UTC')" "$*" >/proc/1/fd/2 2>/dev/null || true; }

is_master() { [ "$(field role "$(ask 127.0.0.1 INFO replication)")" = master ]; }

# Two Sentinels that call this pod master.
known() {
  local name votes=''
  for name in $sentinels; do
    votes+=" $(ask "$name.redis-sentinel" -p 26379 SENTINEL GET-MASTER-ADDR-BY-NAME keyboss | head -1) "
  done
  [[ $votes == *" $me "*" $me "* ]]
}

caught_up() {
  local theirs ours
  ours=$(field master_repl_offset "$(ask 127.0.0.1 INFO replication)")
  for _ in {1..20}; do
    theirs=$(ask "$peer" INFO replication)
    [ "$(field master_link_status "$theirs")" = up ] || return 1
    [ "$(field slave_repl_offset "$theirs")" -lt "$ours" ] || return 0
    sleep 0.1
  done
  return 1
}

# 0: a Sentinel promotes the replica. 2: it does not yet. 1: there is no handing over.
hand_over() {
  local name answer
  known || return 1
  [ "$(ask 127.0.0.1 CLIENT PAUSE 8000 WRITE)" = OK ] || return 1
  caught_up || return 1
  for name in $sentinels; do
    answer=$(ask "$name.redis-sentinel" -p 26379 SENTINEL FAILOVER keyboss)
    case $answer in
      OK) return 0 ;;
      # A Sentinel asks a replica every 10 s whether it may be promoted.
      NOGOODSLAVE*) return 2 ;;
    esac
  done
  return 1
}

is_master || exit 0
end=$((SECONDS + 14))
while :; do
  hand_over && break
  failed=$?
  ask 127.0.0.1 CLIENT UNPAUSE >/dev/null
  if [ $failed = 1 ] || [ $SECONDS -ge $((end - 3)) ]; then
    say "no handing over: $peer or the Sentinels cannot"
    exit 0
  fi
  sleep 1
done
say "this pod is to be stopped: handing over to $peer"
while is_master && [ $SECONDS -lt $end ]; do sleep 0.1; done
if is_master; then say "$peer is not master yet"; else say "$peer is master"; fi
