# shellcheck shell=bash
# Daemons without systemd: each has a file with its process id and start time, for a process id alone
# may be somebody else's by now. All of them, and what they start, are in one cgroup.

started_at() { # PID: nothing for a process that is gone, or dead and not yet waited for
  local stat
  read -r stat <"/proc/$1/stat" || return
  read -ra stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && printf '%s' "${stat[19]}"
} 2>/dev/null

running() { # NAME
  local pid time
  read -r pid time _ 2>/dev/null <"$STATE/run/$1.pid" && [ -n "$time" ] && [ "$time" = "$(started_at "$pid")" ]
}

# start NAME COMMAND...: unless it runs already, from the same sources.
start() {
  local name=$1 key argument pid
  shift
  key=$({ printf '%s\n' "$@"; for argument; do case $argument in *.toml | *.py) cat "$argument" ;; esac; done; } | sha256sum | cut -c1-12)
  if running "$name"; then
    read -r _ _ argument <"$STATE/run/$name.pid"
    [ "$argument" != "$key" ] || return 0
    stop "$name"
  fi
  rm -f "$STATE/run/$name.pid"
  (
    cd "$STATE" || exit
    pid=$BASHPID                         # not inside $(...), which is a process of its own
    echo "$pid" >"$(daemons_cgroup)/cgroup.procs"
    echo "$pid $(started_at "$pid") $key" >"run/$name.pid.new"
    mv "run/$name.pid.new" "run/$name.pid"
    # shellcheck disable=SC2153
    exec setsid nsenter --net="/run/netns/$NAME" "$@" >>"logs/$name.log" 2>&1 </dev/null
  ) &
  STARTED+=("$name")
}

stop() { # NAME: TERM, and after 10 seconds KILL
  local pid deadline=$((SECONDS + 10))
  if running "$1"; then
    read -r pid _ <"$STATE/run/$1.pid"
    kill "$pid" 2>/dev/null || true
    while running "$1" && ((SECONDS < deadline)); do sleep 0.1; done
    ! running "$1" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/run/$1.pid"
}

# cgroups: version 1 has a tree per controller, version 2 one for all.
cgroup_trees() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    echo /sys/fs/cgroup
  else
    local t
    for t in /sys/fs/cgroup/{cpu,cpuacct,cpuset,memory,systemd,pids,blkio,devices,freezer,hugetlb}; do [ ! -d "$t" ] || echo "$t"; done
  fi
}

daemons_cgroup() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$NAME/daemons"; else echo "/sys/fs/cgroup/pids/$NAME/daemons"; fi
}

cgroups() {
  local tree file
  for tree in $(cgroup_trees); do mkdir -p "$tree/$NAME"; done
  for file in cpus mems; do                # empty at first, and then nothing may run there
    [ ! -f "/sys/fs/cgroup/cpuset/cpuset.$file" ] || cat "/sys/fs/cgroup/cpuset/cpuset.$file" >"/sys/fs/cgroup/cpuset/$NAME/cpuset.$file"
  done
  for tree in /sys/fs/cgroup "/sys/fs/cgroup/$NAME"; do
    [ ! -f "$tree/cgroup.subtree_control" ] ||
      for file in $(<"$tree/cgroup.controllers"); do echo "+$file" >"$tree/cgroup.subtree_control" 2>/dev/null || true; done
  done
  mkdir -p "$(daemons_cgroup)"
}

# Everything that is left in our cgroups: containers, their shims, dnsmasq.
kill_cgroups() {
  local tree pids _
  for _ in {1..50}; do
    pids=$(for tree in $(cgroup_trees); do
      [ ! -d "$tree/$NAME" ] || find "$tree/$NAME" -name cgroup.procs -exec cat {} + 2>/dev/null
    done | sort -un)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    sleep 0.1
  done
  for tree in $(cgroup_trees); do
    [ ! -d "$tree/$NAME" ] || find "$tree/$NAME" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

unmount_all() {
  awk -v below="$STATE/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r | while read -r m; do
    umount "$m" 2>/dev/null || umount -l "$m" || true
  done
}
