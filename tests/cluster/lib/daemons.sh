# shellcheck shell=bash
# The control plane and the node, in the order in which each needs the one before.

# in the order in which they are stopped
DAEMONS=(kubelet ingress metrics registry dns kube-proxy kube-scheduler kube-controller-manager containerd kube-apiserver etcd)

control_plane() {
  local bin pki=$STATE/pki
  bin=$(kubernetes_cache)
  start registry "$PYTHON" "$CLUSTER/lib/registry.py"
  start containerd containerd -c "$STATE/run/containerd.toml"
  start etcd etcd --data-dir "$STATE/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --auto-compaction-retention=1h --log-outputs stderr
  start kube-apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --advertise-address="$NODE_IP" --secure-port=6443 \
    --service-cluster-ip-range="$SERVICES" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" --kubelet-certificate-authority="$pki/ca.crt" \
    --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy --requestheader-username-headers=X-Remote-User \
    --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" --enable-aggregator-routing --profiling=false
  until_ok 180 kube-apiserver kubectl get --raw /readyz
  # volumes are made with mode 0777, whatever this shell's umask says
  (umask 000 && start kube-controller-manager "$bin/kube-controller-manager" --kubeconfig="$pki/controller-manager.kubeconfig" --leader-elect=false \
    --authentication-kubeconfig="$pki/controller-manager.kubeconfig" --authorization-kubeconfig="$pki/controller-manager.kubeconfig" \
    --use-service-account-credentials --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" --enable-hostpath-provisioner \
    --flex-volume-plugin-dir="$STATE/flex" --horizontal-pod-autoscaler-sync-period=5s)
  start kube-scheduler "$bin/kube-scheduler" --kubeconfig="$pki/scheduler.kubeconfig" --leader-elect=false \
    --authentication-kubeconfig="$pki/scheduler.kubeconfig" --authorization-kubeconfig="$pki/scheduler.kubeconfig"
  start dns "$PYTHON" "$CLUSTER/lib/dns.py"
  until_ok 60 "the cluster's DNS" bash -c "</dev/tcp/$NODE_IP/53"
  start metrics "$PYTHON" "$CLUSTER/lib/metrics.py"
  start ingress "$PYTHON" "$CLUSTER/lib/ingress.py"
}

node() {
  local bin pki=$STATE/pki
  bin=$(kubernetes_cache)
  start kube-proxy "$bin/kube-proxy" --kubeconfig="$pki/proxy.kubeconfig" --hostname-override="$NAME" --proxy-mode=iptables --cluster-cidr="$PODS" \
    --bind-address="$NODE_IP" --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 \
    --iptables-min-sync-period=100ms
  start kubelet "$bin/kubelet" --kubeconfig="$pki/node.kubeconfig" --hostname-override="$NAME" --node-ip="$NODE_IP" --root-dir="$STATE/kubelet" \
    --container-runtime=remote --container-runtime-endpoint="unix://$STATE/run/containerd.sock" --cgroup-driver=cgroupfs --cgroup-root="/$NAME" \
    --fail-swap-on=false --client-ca-file="$pki/ca.crt" --anonymous-auth=false --authentication-token-webhook --authorization-mode=Webhook \
    --tls-cert-file="$pki/node.crt" --tls-private-key-file="$pki/node.key" --cluster-dns="$NODE_IP" --cluster-domain=cluster.local \
    --resolv-conf="$STATE/run/resolv.conf" --image-gc-high-threshold=100 --eviction-hard='memory.available<100Mi' \
    --volume-plugin-dir="$STATE/flex" --max-pods=200 --sync-frequency=10s --node-status-update-frequency=5s
  sed "s/NODE_IP/$NODE_IP/" "$CLUSTER/lib/base.yaml" | kubectl apply -f - >>"$STATE/logs/apply.log"
  until_ok 120 "the node" sh -c "kubectl --kubeconfig=$KUBECONFIG_ADMIN get node $NAME -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -q True"
  until_ok 60 "the default service account" kubectl -n default get serviceaccount default
}

stop_daemons() {
  local daemon
  for daemon in "${DAEMONS[@]}"; do stop "$daemon"; done
  kill_cgroups                           # containers and their shims, which outlive containerd
  unmount_all
  rm -rf "$STATE/run"
}
