#!/bin/sh
# The dashboard learns its API address at start: it is written into the web root.
set -e
sed -i "s|API_URL: \".*\"|API_URL: \"$API_URL\"|" /app/dashboard/index.html
