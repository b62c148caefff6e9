# shellcheck shell=bash disable=SC2034  # read by the scripts that source this one
# Names, places and addresses of the test cluster, and the few helpers that every part of it uses.

NAME=keyboss-test                    # the node, its network namespace and its cgroup
CONTEXT=k3d-keyboss-test             # the kubeconfig context: one that envs/local.yaml allows
STATE=/tmp/keyboss-cluster           # the cluster's state; its place is compiled in (lib/kubernetes.sh)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/keyboss/cluster
HOST_IP=10.83.0.1 NODE_IP=10.83.0.2 PODS=10.83.64.0/24 SERVICES=10.83.128.0/20 API_IP=10.83.128.1
PROJECT=$(readlink -f "$CLUSTER/../..")
KUBECONFIG_ADMIN=$STATE/kubeconfig
KUBECONFIG_DEFAULT=${KUBECONFIG:-$HOME/.kube/config}    # its first file is the one that kubectl writes to
PYTHON=/usr/bin/python3              # Debian's: it has python3-yaml; a pyenv in front of it has not
CALLER_PATH=$PATH                    # where the Rust toolchain is
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export NAME STATE CACHE HOST_IP NODE_IP PROJECT PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
umask 022

say() { printf '%s\n' "$*"; }
fail() { printf 'tests/cluster: %s\n' "$*" >&2; exit 1; }

# lap WHAT: the seconds since the last lap.
LAP=$EPOCHREALTIME
lap() {
  local now=$EPOCHREALTIME ms
  ms=$(((${now/[.,]/} - ${LAP/[.,]/}) / 1000))
  printf '%-44s %4d.%d s\n' "$1" $((ms / 1000)) $((ms % 1000 / 100)) | tee -a "$STATE/logs/laps"
  LAP=$now
}

# until_ok SECONDS WHAT COMMAND...
until_ok() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "timed out waiting for $what; its log is in $STATE/logs"
    sleep 0.2
  done
}

# One `up` or `down` at a time, on the whole machine. Whoever holds the lock runs the rest with
# `9>&-`, or a daemon would hold it for ever.
lock() {
  exec 9>"$STATE.lock"
  flock -n 9 || { say "waiting for another tests/cluster/up or down"; flock 9; }
}

kubectl() { command kubectl --kubeconfig="$KUBECONFIG_ADMIN" "$@"; }
ctr() { command ctr -a "$STATE/run/containerd.sock" -n k8s.io "$@"; }

# sources FILE...: a short hash of what they say, to name what is built from them.
sources() { sha256sum "$@" | cut -d' ' -f1 | sha256sum | cut -c1-12; }
