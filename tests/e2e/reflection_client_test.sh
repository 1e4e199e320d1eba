#!/bin/bash
# A client in Python, made from reflection alone, against Caravan as deploy/local/up
# runs it.
#
#   reflection_client_test.sh BIN
set -euo pipefail
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
unset "${!CARAVAN_@}"

"$here/../../deploy/local/up" --data "$work/data" --bin "$bin" --port 0 --no-tour >"$work/out" 2>&1 &
up=$!
stop() {
  kill -TERM "$up" 2>/dev/null || true
  wait "$up" || true
  rm -rf "$work"
}
trap stop EXIT
until grep -q 'Caravan serves' "$work/out"; do
  if ! kill -0 "$up" 2>/dev/null; then cat "$work/out" >&2; exit 1; fi
  sleep 0.1
done
address=$(sed -n 's/^ *address: //p' "$work/data/caravanctl.yaml" | head -1)
/usr/bin/python3 "$here/reflection_client.py" --address "$address" \
  --ca "$work/data/certificates/ca.pem" \
  --certificate "$work/data/certificates/admin.pem" --key "$work/data/certificates/admin.key"
