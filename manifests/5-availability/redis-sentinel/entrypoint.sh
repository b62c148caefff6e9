#!/bin/bash
# Runs a Sentinel. It rewrites its configuration file, so that is written once per pod, here; a restarted container goes
# on with its own. A new one begins with the master that the other Sentinels know, else with the record.
set -Eeuo pipefail
trap 'echo "keyboss: line $LINENO failed: $BASH_COMMAND" >&2' ERR

config=/data/sentinel.conf
me=$POD_NAME.redis-sentinel
master=$REDIS_MASTER epoch=-1 why='as recorded'

say() { printf '%s keyboss: %s\n' "$(date -u '+%F %T.%3N UTC')" "$*" >&2; }

if [ ! -e $config ]; then
  for name in redis-sentinel-0 redis-sentinel-1 redis-sentinel-2; do
    [ "$name" != "$POD_NAME" ] || continue
    # Lines of a name and its value, in turn.
    known=$(timeout 3 redis-cli -h "$name.redis-sentinel" -p 26379 SENTINEL MASTER keyboss 2>/dev/null | tr -d '\r' || true)
    known_master=$(sed -n '/^ip$/{n;p}' <<<"$known")
    known_epoch=$(sed -n '/^config-epoch$/{n;p}' <<<"$known")
    if [ -n "$known_master" ] && [ "${known_epoch:-0}" -gt "$epoch" ]; then
      master=$known_master epoch=$known_epoch why="as $name knows"
    fi
  done
  say "the master is $master, $why"
  # An identity that survives the pod: else each new pod would leave a ghost that counts as a Sentinel which is down.
  id=$(printf %s "$POD_NAME" | sha1sum | cut -c1-40)
  cat >$config.new <<END
port 26379
bind * -::*
protected-mode no
dir /data
sentinel myid $id
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $me
sentinel announce-port 26379
sentinel monitor keyboss $master 6379 2
sentinel down-after-milliseconds keyboss $DOWN_AFTER_MILLISECONDS
sentinel failover-timeout keyboss 10000
sentinel parallel-syncs keyboss 1
END
  mv $config.new $config
fi
exec redis-sentinel $config
