#!/bin/bash
# Runs deploy/local/up as a newcomer does, with the programs of this build, and
# reads what it shows.
#
#   local_up_test.sh BIN
set -euo pipefail
bin=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The settings of the tests are not those of a server.
unset "${!CARAVAN_@}"

failures=0
expect() {  # WHAT PATTERN: the last run has shown a line that matches
  if ! grep -qE -- "$2" <<<"$section"; then
    printf 'FAILED: %s: no line matches %s in:\n%s\n' "$1" "$2" "$section" >&2
    failures=$((failures + 1))
  fi
}
section_of() {  # of the tour: the command that contains $1, and its output
  section=$(awk -v text="$1" '
    /^\$ / {if (index(part, text)) print part; part = ""}
    {part = part $0 "\n"}
    END {if (index(part, text)) print part}' "$work/out")
}

up() { "$root/deploy/local/up" --data "$work/data" --bin "$bin" --port 0 --events 3000 --once >"$work/out" 2>&1; }
up || { cat "$work/out" >&2; exit 1; }

section_of "'batch = 5' -o name"
expect "zones of batch 5" '^46$'
section_of "--effective-date 2024-08-02"
expect "zones on 2 August 2024" '^165$'
section_of "--effective-date $(TZ=UTC-8 date +%Y)"
expect "zones today" '^178$'
section_of "Taizhou"
expect "Taizhou in Zhejiang" 'taizhou-zhejiang .*台州'
expect "Taizhou in Jiangsu" 'taizhou-jiangsu .*泰州'
section_of "resolve pilotZones haikou"
expect "the successor of Haikou" '^hainan '
section_of "--goods.hs-code 620411"
expect "the policy's outcome" '^    Outcome: +MET$'
section_of "--goods.hs-code 760410"
expect "what failed" '^            Outcome: +FAILED$'
expect "what is not evidenced" '^            Outcome: +NOT_EVIDENCED$'
expect "what is met all the same" '^            Outcome: +MET$'
section_of "get partnerships"
expect "a partnership" '^demo-rapido .*ACTIVE$'
section_of "get trackingVocabularies/easypost"
expect "a code of a vocabulary" 'code: pre_transit'
section_of "changes pilotZones/haikou"
expect "who loaded it" 'users/admin'
section_of "--from-revision 1"
expect "the first change" '^1 '

# The course of the fair.
section_of "submit fairs/canton-136"
expect "who has submitted" 'SUBMITTED'
section_of "fair publish fairs/canton-136/allocations/4"
expect "a published run" '^State: PUBLISHED$'
section_of "caravanctl pending"
expect "what waits in all services" 'ALLOTTED +.*confirm'
section_of "--allocation fairs/canton-136/allocations/4"
expect "why a firm has its booths" 'rank'
section_of "fair verify"
expect "a run that was computed again" '^Verified: fairs/canton-136/allocations/4, 3 sections, [1-9]'
section_of "fair draw"
grep -q '</svg>' "$work/data/fair-1-1.1.svg" || expect "a floor plan" 'svg'
section_of "get sanctions"
expect "a sanction" 'BRAND_BOOTHS'
"$root/tests/e2e/check_fair.py" "$work/data/fair-bundle.json" >"$work/checked" || {
  cat "$work/checked" >&2
  failures=$((failures + 1))
}

# The parcels.
section_of "announcements.jsonl"
expect "announced parcels" '^[1-9][0-9]+ parcels are announced, [1-9][0-9]+ tracking numbers linked, 0 rows'
section_of "logistics import"
expect "a broken line" 'harbour-line.csv:4: .*\[BAD_CSV\]'
expect "events that are kept" '^[1-9][0-9]+ events are new'
section_of "logistics scorecard "
expect "a rate with its counts" '^on time +[0-9.]+ % +[0-9]+ of [1-9][0-9]*$'
section_of "logistics compare"
expect "a courier on a lane" '^(nordkurier|rhein-paket) '
section_of "logistics track"
expect "a parcel of two numbers" '^Tracking number: .* of partners/rhein-paket$'
section=$(cat "$work/out")
expect "an orderly end" '^Draining$'

# Once more: it keeps its data and loads nothing twice.
up || { cat "$work/out" >&2; exit 1; }
section_of "'batch = 5' -o name"
expect "zones of batch 5, again" '^46$'
section_of "fair verify"
expect "the same run, again" '^Verified: fairs/canton-136/allocations/4, 3 sections, [1-9]'
section_of "logistics scorecard "
expect "the same scorecard, again" '^on time '
if grep -qE "Loading|commit-lottery|logistics import" "$work/out"; then
  echo "FAILED: the second run has loaded something or opened the fair again" >&2
  failures=$((failures + 1))
fi
exit $((failures > 0))
