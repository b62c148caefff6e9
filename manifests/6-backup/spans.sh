#!/usr/bin/env bash
# Prints the moments that ARCHIVE_DIR can restore: each stretch of them as JSON on a line, the oldest first.
set -euo pipefail
shopt -s nullglob

cd "${ARCHIVE_DIR:?}"
for run in [0-9]*; do
  bases=("$run"/bases/[0-9]*)
  [[ ${#bases[@]} -gt 0 && -e $run/until ]] || continue
  from=${bases[0]##*/}
  until=$(<"$run/until")
  # A segment may be gzipped or removed meanwhile.
  [[ $until < $from ]] || printf '{"from": "%s", "until": "%s", "bases": %d, "bytes": %d}\n' \
    "$from" "$until" ${#bases[@]} "$(du --bytes --summarize "$run" 2>/dev/null | cut -f 1)"
done
