#!/bin/bash
# startup: the server is there, however long a clone took. live: it answers anything, "starting up" and "too many
# connections" included; only a server that is hung or gone fails. ready: it accepts connections in its role.
# What a failing probe says is shown by `keyboss deploy`.
PATH=/usr/lib/postgresql/15/bin:$PATH
run=/var/run/postgresql
not() { echo "$1"; exit 1; }
case $1 in
  startup | live)
    [ -e $run/role ] || not "no role yet: deciding, or copying the data of the primary"
    pg_isready -q -U postgres -d postgres -t 3
    [ $? -le 1 ]
    ;;
  ready)
    [ ! -e /var/lib/postgresql/data/provisional ] || not "the new database waits for its standby to copy it"
    role=$(cat $run/role)
    case $role in primary) expected=f ;; standby) expected=t ;; *) not "no role yet" ;; esac
    PGCONNECT_TIMEOUT=3 PGAPPNAME=probe
    export PGCONNECT_TIMEOUT PGAPPNAME
    [ "$(timeout 4 psql -wXAtq -U postgres -d postgres -c 'SELECT pg_is_in_recovery()')" = $expected ] ||
      not "it does not answer as a $role yet"
    ;;
esac
