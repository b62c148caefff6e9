# shellcheck shell=bash
# The node's network: a namespace of its own, joined to this machine by one pair of interfaces. This
# machine reaches pods and Services through it; pods reach nothing outside.

HOST_END=keyboss-test0 NODE_END=keyboss-test1

# nsenter, not `ip netns exec`, which hides /sys/fs/cgroup
in_node() { nsenter --net="/run/netns/$NAME" "$@"; }

network() {
  network_complete && return
  network_down                         # whatever a run that was killed has left
  ip netns add "$NAME"
  ip link add "$HOST_END" type veth peer name "$NODE_END" netns "$NAME"
  ip addr add "$HOST_IP/24" dev "$HOST_END"
  ip link set "$HOST_END" up
  in_node ip link set lo up
  in_node ip addr add "$NODE_IP/24" dev "$NODE_END"
  in_node ip link set "$NODE_END" up
  in_node ip route add default via "$HOST_IP"
  in_node sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  { modprobe br_netfilter; in_node sh -c 'echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables'; } 2>/dev/null || true
  ip route add "$PODS" via "$NODE_IP"
  ip route add "$SERVICES" via "$NODE_IP"    # the last step: it says that all others were taken
}

network_complete() {
  in_node ip -4 addr show dev "$NODE_END" 2>/dev/null | grep -qF "$NODE_IP/" &&
    ip route show "$SERVICES" | grep -qF "via $NODE_IP"
}

network_down() {
  ip netns del "$NAME" 2>/dev/null || true         # cni0, iptables rules and the pair go with it
  # a namespace that a killed run made but never mounted is a plain file
  umount -l "/run/netns/$NAME" 2>/dev/null || true
  rm -f "/run/netns/$NAME"
  ip link del "$HOST_END" 2>/dev/null || true
}

network_config() {
  mkdir -p "$STATE/run/cni" "$STATE/run/registries/_default"
  cat >"$STATE/run/cni/10-bridge.conflist" <<J
{"cniVersion": "0.4.0", "name": "$NAME", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$STATE/run/ipam", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
J
  # Every registry host is lib/registry.py, which has nothing: a missing image fails at once.
  cat >"$STATE/run/registries/_default/hosts.toml" <<T
server = "http://$NODE_IP:5000"
[host."http://$NODE_IP:5000"]
  capabilities = ["pull", "resolve"]
T
  cat >"$STATE/run/containerd.toml" <<T
version = 2
root = "$STATE/containerd"
state = "$STATE/run/containerd"
[grpc]
address = "$STATE/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/keyboss-test/pause:3.2"
disable_apparmor = true
restrict_oom_score_adj = true            # where CAP_SYS_RESOURCE is missing
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$STATE/run/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "$STATE/run/registries"
T
  printf 'options ndots:5\n' >"$STATE/run/resolv.conf"
}
