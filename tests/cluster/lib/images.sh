# shellcheck shell=bash
# The stand-ins for the production images: layers are built once, names and tags given at every `up`.

# The program of this checkout: with the tests' own build, where that is there.
build_keyboss() {
  local target=${CARGO_TARGET_DIR:-$CACHE/../target} to=$CLUSTER/images/keyboss/keyboss
  (cd "$PROJECT" && PATH=$HOME/.cargo/bin:$PATH CARGO_TARGET_DIR=$target cargo build --locked --quiet) || fail "keyboss does not build"
  strip -o "$to.new" "$target/debug/keyboss"
  if cmp -s "$to.new" "$to"; then rm "$to.new"; else mv "$to.new" "$to"; fi
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
