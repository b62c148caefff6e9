# shellcheck shell=bash
# Everything comes from the Debian archive; nothing is assumed to be installed.

install_packages() {
  local wanted=(etcd-server containerd runc containernetworking-plugins iptables conntrack ebtables ethtool socat iproute2
    util-linux dnsmasq-base openssl curl ca-certificates python3 python3-yaml) missing=() p
  command -v kubectl >/dev/null || wanted+=(kubernetes-client)
  [ -d "$(kubernetes_cache)" ] || wanted+=(golang-go golang-github-modern-go-reflect2-dev)
  wanted+=(mmdebstrap)
  for p in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  ((${#missing[@]})) || return 0
  # 101 from policy-rc.d: packages start no daemons of their own (etcd, containerd). An existing policy stays.
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; }
  # a source that cannot be reached is no reason to stop while the packages are found in another
  { apt-get update -q || true; } >"$STATE/logs/apt.log" 2>&1
  { dpkg --configure -a && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends "${missing[@]}"; } \
    >>"$STATE/logs/apt.log" 2>&1 || { tail -5 "$STATE/logs/apt.log" >&2; fail "apt-get install ${missing[*]}"; }
  lap "Debian packages (${#missing[@]} installed)"
}
