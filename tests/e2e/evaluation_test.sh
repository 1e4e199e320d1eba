#!/bin/bash
# Scores and publishes the evaluation of 2022 by caravanctl, as two people of the
# ministry do, exports it, and lets a program that knows only its contract come
# to the same result.
#
#   evaluation_test.sh BIN
set -euo pipefail
bin=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server=''
stop() {
  if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null && wait "$server" || true; fi
  rm -rf "$work"
}
trap stop EXIT
# The settings of the tests are not those of a server.
unset "${!CARAVAN_@}"
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

"$bin/caravan-certificates" --folder "$work/certificates" --services zones \
  --users admin,ann,ben,hangzhou >/dev/null
{
  cat "$root/deploy/access/access.yaml"
  cat <<'EOF'
  - {principal: users/ann, role: ministry, resource: "*"}
  - {principal: users/ben, role: ministry, resource: "*"}
  - {principal: users/hangzhou, role: zone-office, resource: pilotZones/hangzhou}
EOF
} >"$work/access.yaml"
"$bin/caravan-zones" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
  --ports-file "$work/ports.json" --tls-certificate "$work/certificates/zones.pem" \
  --tls-key "$work/certificates/zones.key" --tls-client-ca "$work/certificates/ca.pem" \
  --access-policy "$work/access.yaml" --store "sqlite:$work/zones.db" >"$work/log" 2>&1 &
server=$!
until [ -s "$work/ports.json" ]; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; fail "caravan-zones did not start"; }
  sleep 0.05
done
address=$(sed -n 's/.*"listen":\["\([^"]*\)".*/\1/p' "$work/ports.json")
as() {  # USER ARGUMENT...: caravanctl for a user
  local user=$1
  shift
  "$bin/caravanctl" --address "$address" --ca "$work/certificates/ca.pem" \
    --cert "$work/certificates/$user.pem" --key "$work/certificates/$user.key" "$@"
}
refused() {  # PATTERN USER ARGUMENT...: the command fails and says so
  local pattern=$1
  shift
  if as "$@" >"$work/out" 2>&1; then fail "this should be refused: $*"; fi
  grep -qE -- "$pattern" "$work/out" || { cat "$work/out" >&2; fail "$*: does not say $pattern"; }
}

# From the reference data: zones that name no document.
cut -d, -f1-7,9- "$root/deploy/data/pilot_zones.csv" >"$work/zones.csv"
as admin import "$work/zones.csv" --collection pilotZones --load >/dev/null
"$bin/evaluation-2022" | as ann apply -f - >/dev/null
as ann call-for-submissions evaluations 2022 --due-date 2022-02-28 >/dev/null
[ "$(as ann get submissions --parent evaluations/2022 -o name | wc -l)" = 105 ] ||
  fail "not every zone was called"
[ "$(as hangzhou get submissions --parent evaluations/2022 -o name | wc -l)" = 1 ] ||
  fail "the office of Hangzhou does not see its own submission alone"
[ "$(as hangzhou pending -o name)" = evaluations/2022/submissions/hangzhou ] ||
  fail "the submission of Hangzhou does not wait for its office alone"
"$bin/evaluation-2022" --submissions | as admin apply --load -f - >/dev/null

as ann score evaluations 2022 >/dev/null
[ "$(as ben pending -o name)" = evaluations/2022 ] ||
  fail "the evaluation does not wait for another person's publication"
[ -z "$(as ann pending -o name 2>/dev/null)" ] || fail "it waits for who has scored it"
refused 'users/ann is the scorer' ann publish evaluations 2022
refused 'does not hold the permission' hangzhou publish evaluations 2022
as ben publish evaluations 2022 >/dev/null

as ann get evaluations 2022 -o json >"$work/evaluation.json"
as ann get submissions --parent evaluations/2022 -o json >"$work/submissions.json"
as ann get pilotZones -o json >"$work/zones.json"
check() {
  python3 "$root/tests/e2e/check_evaluation.py" "$work/evaluation.json" "$1" "$work/zones.json"
}
check "$work/submissions.json" >"$work/checked" || { cat "$work/checked" >&2; fail "it differs"; }
cat "$work/checked"
grep -qx 'evaluations/2022: 102 zones over 42 indicators' "$work/checked" ||
  fail "it is not the evaluation that was meant"
grep -qx 'missing: pilotZones/haikou, pilotZones/taizhou-zhejiang, pilotZones/wuhu' \
  "$work/checked" || fail "it does not name who is missing"

# The office of a zone is told of its own place, and of no other.
as hangzhou zones evaluate 2022 --explain hangzhou >"$work/out"
grep -qE 'points, rank [0-9]+ of 102' "$work/out" || { cat "$work/out" >&2; fail "no place told"; }
refused 'does not hold the permission' hangzhou zones evaluate 2022 --explain ningbo
refused 'has no place' ann zones evaluate 2022 --explain wuhu

# A figure that is another is noticed.
python3 - "$work/submissions.json" "$work/forged.json" <<'EOF'
import json, sys
submissions = json.load(open(sys.argv[1], encoding="utf-8"))
value = next(s for s in submissions if s["state"] == "VERIFIED")["values"][0]
value["value"] = str(int(float(value["value"])) + 1)
json.dump(submissions, open(sys.argv[2], "w", encoding="utf-8"))
EOF
if check "$work/forged.json" >"$work/checked"; then fail "a forged figure was not noticed"; fi
grep -q '^digest is ' "$work/checked" || fail "the digest should differ"

refused 'PUBLISHED' ann return submissions evaluations/2022/submissions/ningbo \
  --return-reason late
