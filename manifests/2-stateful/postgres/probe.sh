#!/bin/bash
# startup: the server is there, however long a clone took. live: it answers anything, "starting up" and "too many
# connections" included; only a server that is hung or gone fails. ready: it accepts connections in its role.
PATH=/usr/lib/postgresql/15/bin:$PATH
run=/var/run/postgresql
case $1 in
  startup | live)
    [ -e $run/role ] || exit 1
    pg_isready -q -U postgres -d postgres -t 3
    [ $? -le 1 ]
    ;;
  ready)
    [ ! -e /var/lib/postgresql/data/provisional ] || exit 1
    case $(cat $run/role) in primary) expected=f ;; standby) expected=t ;; *) exit 1 ;; esac
    PGCONNECT_TIMEOUT=3 PGAPPNAME=probe
    export PGCONNECT_TIMEOUT PGAPPNAME
    [ "$(timeout 4 psql -wXAtq -U postgres -d postgres -c 'SELECT pg_is_in_recovery()')" = $expected ]
    ;;
esac
