#!/usr/bin/env bash
# seed.sh claim | record: whether this database has had its demo data, kept in the database (see seed.yaml).
# Connects by the PG* variables.
set -euo pipefail
state=${STATE_DIR:-/state}
export PGOPTIONS='-c client_min_messages=warning'

sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$1"; }

# A failover may be under way: a minute's patience before anything was changed.
reachable() {
  local attempt
  for attempt in {1..30}; do
    if sql 'SELECT 1' >/dev/null; then return; fi
    echo "the database does not answer yet (attempt $attempt)" >&2
    sleep 2
  done
  echo "the database did not answer for a minute" >&2
  return 1
}

case ${1:-} in
  claim)
    reachable
    sql 'CREATE TABLE IF NOT EXISTS keyboss_seed (
           only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
           claimed_at timestamptz NOT NULL DEFAULT now(),
           finished_at timestamptz)'

    # A shop with products and no record was filled by other means: it is not to be mixed with demo data.
    if [ -n "$(sql "SELECT to_regclass('public.product_product')")" ]; then
      sql 'INSERT INTO keyboss_seed (finished_at)
             SELECT now() WHERE EXISTS (SELECT FROM product_product)
             ON CONFLICT DO NOTHING'
    fi

    if [ -n "$(sql 'INSERT INTO keyboss_seed DEFAULT VALUES ON CONFLICT DO NOTHING RETURNING claimed_at')" ]; then
      touch "$state/claimed"
      echo "this database has no demo data yet: loading it"
    elif [ -n "$(sql 'SELECT finished_at FROM keyboss_seed')" ]; then
      echo "this database has had its data since $(sql 'SELECT finished_at FROM keyboss_seed'): nothing to do"
    else
      cat >&2 <<EOF
Loading the demo data began at $(sql 'SELECT claimed_at FROM keyboss_seed') and never finished.
A second load would add its orders and customers again, so none is made. Look at the shop, then either
  keep what is there:  UPDATE keyboss_seed SET finished_at = now();
  or load it again:    DELETE FROM keyboss_seed;   (and the half-loaded products, or they count as a filled shop)
and deploy again. Until then: keyboss deploy ... --set saleor.seed=false
EOF
      exit 1
    fi
    ;;
  record)
    if [ -e "$state/claimed" ]; then
      reachable
      sql 'UPDATE keyboss_seed SET finished_at = now() WHERE finished_at IS NULL'
      echo "recorded: the demo data is complete"
    fi
    ;;
  *)
    echo "usage: seed.sh claim | record" >&2
    exit 2
    ;;
esac
