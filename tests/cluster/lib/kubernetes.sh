# shellcheck shell=bash
# Kubernetes 1.20.2, built from Debian's source package (Debian ships only its kubectl). Two steps, source
# and programs, each of which a killed run leaves either whole or to be taken up again.

KUBERNETES=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet)

kubernetes_key() { sources "$CLUSTER/lib/kubernetes.sh" "$CLUSTER/lib/kubernetes.go"; }
kubernetes_cache() { printf '%s' "$CACHE/kubernetes-$(kubernetes_key)"; }

build_kubernetes() {
  [ ! -d "$(kubernetes_cache)" ] || return 0
  local log=$STATE/logs/kubernetes.log source out=$CACHE/tmp.kubernetes
  source=$CACHE/source-$(kubernetes_key)
  [ -s "$CACHE/kubernetes-source.tar.gz" ] || fetch_source
  # each a job of its own: `(prepare) || fail` would switch `set -e` off inside
  if [ ! -d "$source" ]; then
    rm -rf "$CACHE"/source-*
    (prepare "$CACHE/tmp.source" >"$log" 2>&1) &
    wait $! || { tail -5 "$log" >&2; fail "the source of Kubernetes cannot be prepared; see $log"; }
    mv "$CACHE/tmp.source" "$source"
    lap "Kubernetes, source prepared"
  fi
  (compile "$source" "$out" >"$log" 2>&1) &
  wait $! || { tail -5 "$log" >&2; fail "Kubernetes does not build; see $log"; }
  rm -rf "$CACHE"/kubernetes-*[!z]
  mv "$out" "$(kubernetes_cache)"
  rm -rf "$source"
  lap "Kubernetes, built"
}

# From wherever this machine has its binary packages.
fetch_source() {
  local work=$CACHE/tmp.fetch options
  mkdir -p "$work/sources" "$work/lists/partial"
  [ ! -f /etc/apt/sources.list.d/debian.sources ] ||
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/sources/debian.sources"
  [ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$work/sources/debian.list"
  options=(-q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists")
  (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only --tar-only kubernetes) \
    >"$STATE/logs/kubernetes.log" 2>&1 || { tail -5 "$STATE/logs/kubernetes.log" >&2; fail "no source package of Kubernetes"; }
  mv "$work"/kubernetes_*really1.20.2.orig.tar.gz "$CACHE/kubernetes-source.tar.gz"
  rm -rf "$work"
  lap "Kubernetes, source fetched"
}

# GOPATH mode, as upstream's own make: with modules Go 1.19 wants to update go.mod.
go_in() {
  export GOPATH=$1/gopath GOCACHE=$1/gocache GO111MODULE=off GOPROXY=off GOFLAGS='' CGO_ENABLED=0
  cd "$1/gopath/src/k8s.io/kubernetes"
}

prepare() {
  set -e
  local dirs src=$1/gopath/src/k8s.io/kubernetes
  mkdir -p "$src"
  tar xzf "$CACHE/kubernetes-source.tar.gz" -C "$src" --strip-components=1 --exclude='*_test.go' --exclude='*/CHANGELOG' --exclude='*/testdata'
  go_in "$1"
  patch_source
  # The one generated file that the tarball lacks; the steps of build/root/Makefile.generated_files.
  go build -p 2 -o "$1/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  dirs=$({ grep -rlE --include='*.go' '^// *\+k8s:openapi-gen=' pkg cmd plugin; grep -RlE --include='*.go' '^// *\+k8s:openapi-gen=' vendor/k8s.io; } |
    grep -vE '^vendor/k8s.io/(code-generator|sample-apiserver)/' | xargs -n1 dirname | LC_ALL=C sort -u | sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
  "$1/openapi-gen" --logtostderr -i "$dirs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$1/violations"
}

patch_source() {
  local file=pkg/volume/hostpath/host_path.go
  mkdir cmd/all && cp "$CLUSTER/lib/kubernetes.go" cmd/all/main.go
  # The vendored reflect2 1.0.1 compiles with Go 1.18 and later, but corrupts memory when it iterates over maps
  # (kube-apiserver dies within minutes); Debian packages 1.0.2, which does not.
  rm -rf vendor/github.com/modern-go/reflect2
  cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 vendor/github.com/modern-go/
  # The hostPath provisioner: volumes below $STATE, writable for containers that do not run as root, and
  # under the name local-path as choosy as k3d's provisioner.
  sed -i "s#basePath: \"hostpath_pv\"#basePath: \"${STATE#/tmp/}/volumes\"#; s#HostPath.Path, 0750)#HostPath.Path, 0777)#" "$file"
  sed -i '/^\tfullpath := fmt.Sprintf/i\
	for _, mode := range r.options.PVC.Spec.AccessModes {\
		if mode == v1.ReadWriteMany \&\& r.options.PVC.Spec.StorageClassName != nil \&\& *r.options.PVC.Spec.StorageClassName == "local-path" {\
			return nil, fmt.Errorf("Only support ReadWriteOnce access mode")\
		}\
	}' "$file"
  grep -q "\"${STATE#/tmp/}/volumes\"" "$file" && grep -q 'HostPath.Path, 0777)' "$file" && grep -q 'v1.ReadWriteMany &&' "$file"
}

compile() { # SOURCE OUT
  set -e
  local flags="-s -w" package program
  rm -rf "$2"
  mkdir "$2"
  go_in "$1"
  # Two packages carry the version, in GOPATH mode by their vendor/ path.
  for package in component-base/version client-go/pkg/version; do
    package="-X k8s.io/kubernetes/vendor/k8s.io/$package"
    flags+=" $package.gitVersion=v1.20.2 $package.gitMajor=1 $package.gitMinor=20 $package.gitTreeState=archive"
    flags+=" $package.gitCommit=faecb196815e248d3ecfb03c680a4507229c2a56"
  done
  go build -p 2 -trimpath -tags providerless,dockerless -ldflags "$flags" -o "$2/kubernetes" ./cmd/all
  for program in "${KUBERNETES[@]}"; do ln -s kubernetes "$2/$program"; done
}
