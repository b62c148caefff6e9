# shellcheck shell=bash
# The cluster's certificate authority, a certificate per component, and the kubeconfigs that carry them.

# elliptic curves: a slow machine makes ten RSA keys in a minute and a half
KEY=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650)

certificates() {
  local pki=$STATE/pki component
  [ -f "$pki/complete" ] && return
  rm -rf "$pki" "$KUBECONFIG_ADMIN"      # half of them is none
  mkdir -p "$pki"
  openssl req -x509 "${KEY[@]}" -keyout "$pki/ca.key" -subj "/CN=$NAME-ca" -out "$pki/ca.crt" 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out "$pki/sa.key"
  openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
  certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$NODE_IP,IP:127.0.0.1,IP:$API_IP"
  certificate node "/O=system:nodes/CN=system:node:$NAME" "DNS:$NAME,DNS:metrics-server.kube-system.svc,IP:$NODE_IP"
  certificate admin /O=system:masters/CN=admin
  certificate controller-manager /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  certificate front-proxy /CN=front-proxy
  for component in node controller-manager scheduler proxy; do
    kubeconfig "$pki/$component.kubeconfig" "$component" "$component" default
  done
  kubeconfig "$KUBECONFIG_ADMIN" admin "$CONTEXT" keyboss
  touch "$pki/complete"
  lap "certificates"
}

# certificate NAME SUBJECT [NAMES]
certificate() {
  openssl req -x509 "${KEY[@]}" -keyout "$pki/$1.key" -subj "$2" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -out "$pki/$1.crt" \
    -addext basicConstraints=critical,CA:false -addext extendedKeyUsage=clientAuth,serverAuth ${3:+-addext "subjectAltName=$3"} 2>/dev/null
}

# kubeconfig FILE CERTIFICATE CONTEXT NAMESPACE
kubeconfig() {
  cat >"$1" <<Y
apiVersion: v1
kind: Config
current-context: $3
clusters:
- name: $3
  cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $3
  user: {client-certificate-data: $(base64 -w0 "$pki/$2.crt"), client-key-data: $(base64 -w0 "$pki/$2.key")}
contexts:
- name: $3
  context: {cluster: $3, user: $3, namespace: $4}
Y
  chmod 600 "$1"
}
