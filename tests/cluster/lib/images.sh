# shellcheck shell=bash
# The stand-ins for the production images: layers are built once, names and tags given at every `up`.

# The program of this checkout, without what only a debugger reads: it goes into an image. Cargo builds it as for the
# tests, which is not quite what `cargo build` makes, so that they do not build everything once more.
build_program() {
  local target=${CARGO_TARGET_DIR:-${CACHE%/cluster}/target}
  (
    cd "$PROJECT" || exit
    export PATH=$CALLER_PATH:$HOME/.cargo/bin CARGO_TARGET_DIR=$target
    command -v cargo >/dev/null || fail "a Rust toolchain is missing: there is no cargo on the PATH, nor in ~/.cargo/bin"
    cargo test --locked --quiet --no-run --test cluster || fail "keyboss does not build"
  )
  mkdir -p "$CACHE/checkout"
  strip -o "$CACHE/checkout/keyboss" "$target/debug/keyboss"
  lap "keyboss, built from this checkout"
}

build_images() {
  # in a mount namespace of its own: however it ends, it leaves no mount behind
  unshare --mount "$PYTHON" "$CLUSTER/lib/build_images.py" "$CLUSTER/images" "$CACHE/images" "$STATE/images" >"$STATE/logs/images.log" 2>&1 ||
    { tail -20 "$STATE/logs/images.log" >&2; fail "the images do not build; see $STATE/logs/images.log"; }
  if grep '^  image' "$STATE/logs/images.log"; then lap "images, built"; fi
}

import_images() {
  [ -f "$PROJECT/envs/default.yaml" ] || fail "$PROJECT/envs/default.yaml, which names the images, is missing"
  "$PYTHON" "$CLUSTER/lib/import_images.py" "$CLUSTER/images" "$CACHE/images" "$PROJECT/envs/default.yaml" \
    ctr -a "$STATE/run/containerd.sock" -n k8s.io
}
