#!/usr/bin/env bash
# Prints every dump of BACKUP_DIR with its manifest, and the free space, each as JSON on a line.
set -euo pipefail
shopt -s nullglob

cd "${BACKUP_DIR:?}"
for dump in keyboss-*.sql.gz; do
  name=${dump%.sql.gz}
  manifest=null
  [[ ! -r $name.json ]] || manifest=$(tr -d '\n' <"$name.json")
  printf '{"name": "%s", "bytes": %d, "manifest": %s}\n' "$name" "$(stat --format=%s "$dump")" "$manifest"
done
printf '{"free": %d}\n' "$(df --output=avail --block-size=1 . | tail -n 1)"
