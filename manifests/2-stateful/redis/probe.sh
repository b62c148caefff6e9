#!/bin/bash
# live: it answers anything, LOADING included. ready: it serves, and its data are complete.
answer=$(timeout 4 redis-cli ping) || exit 1
case $1 in
  live) [ -n "$answer" ] ;;
  ready) [ "$answer" = PONG ] && [ ! -e /data/copying ] ;;
esac
