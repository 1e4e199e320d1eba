# The last kilometre of some ten thousand parcels, which deploy/local/up shows: from registers to
# a scorecard. Read by that script, whose `say`, `run`, $data, $bin and $events it uses.
#
# The stream is invented: events of the last four months of 2024, with the peaks of that
# season, twice, late, out of order, corrected, and with a few broken lines in each file.

stream=$data/stream

# Runs a command without showing it. Some rows of the files are refused: that is 2.
logistics_quietly() {
  local code=0
  eval "$*" >>"$stream.log" 2>&1 || code=$?
  if [ "$code" != 0 ] && [ "$code" != 2 ]; then
    tail -n 5 "$stream.log" >&2
    return "$code"
  fi
}

logistics_course() {
  say && say "The last kilometre; companies and parcels are invented:"
  : >"$stream.log"
  "$bin/logistics-stream" zones | logistics_quietly "caravanctl apply --load -f -"
  "$bin/logistics-stream" registers | logistics_quietly "caravanctl apply -f -"
  "$bin/logistics-stream" partnerships | logistics_quietly "caravanctl apply --load -f -"
  "$bin/logistics-stream" files "$stream" --events "$events" --broken 1
  run "caravanctl get partnerships --filter 'courier = \"partners/nordkurier\"'"
  run "caravanctl logistics announce $stream/announcements.jsonl"

  local file carrier shown=false
  for file in "$stream"/*.csv "$stream"/*.jsonl; do
    carrier=$(basename "${file%.*}")
    case $carrier in announcements | late) continue ;; esac
    if $shown; then
      logistics_quietly "caravanctl logistics import $file --carrier $carrier"
    else
      # Exit code 2: some rows were refused.
      run "caravanctl logistics import $file --carrier $carrier || test \$? = 2"
      shown=true
    fi
  done
  say "(a broken line and nonsense times are told with their line, and disturb no other;"
  say "the files of all other carriers are imported likewise)"
  run "caravanctl logistics announce $stream/late.jsonl"
  say "(parcels that were announced, and numbers that were linked, behind their first events)"
  touch "$stream/done"
}

# What can be asked of parcels that are there.
logistics_tour() {
  say && say "What came of the parcels:"
  run "caravanctl logistics scorecard --courier nordkurier --month 2024-11"
  run "caravanctl logistics compare hangzhou-de-air --rate on-time --month 2024-11"
  local number
  number=$(sed -n '/"carrier":"partners\/rhein-paket"/{s/.*"trackingNumber":"\([^"]*\)".*/\1/p;q;}' \
    "$stream/announcements.jsonl")
  run "caravanctl logistics track rhein-paket $number"
  say "(relabelled at hand-over: events of two numbers, of one parcel)"
}
