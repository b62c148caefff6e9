# shellcheck shell=bash
# Everything comes from the Debian archive; nothing is assumed to be installed.

install_packages() {
  local wanted=(etcd-server containerd runc containernetworking-plugins iptables conntrack ebtables ethtool socat iproute2
    util-linux dnsmasq-base openssl curl ca-certificates python3 python3-yaml python3-aiohttp python3-prometheus-client
    mmdebstrap gcc libc6-dev binutils)
  command -v kubectl >/dev/null || wanted+=(kubernetes-client)
  [ -d "$(kubernetes_cache)" ] || wanted+=(golang-go golang-github-modern-go-reflect2-dev)
  "$PROJECT/tests/packages" "${wanted[@]}" || fail "packages are missing"
  lap "Debian packages"
}
