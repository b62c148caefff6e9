#!/bin/sh
[ -w "$GF_PATHS_DATA" ] || { echo "GF_PATHS_DATA='$GF_PATHS_DATA' is not writable." && exit 1; }
exec python3 /usr/share/grafana/server.py "$@"
