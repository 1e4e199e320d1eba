# The course of a small fair, which deploy/local/up shows: from the commitment of the
# lottery to the sanction of a stand that was handed on. Read by that script, whose
# `say`, `run`, $data and $bin it uses.
#
# The edition is invented: 3 sections, 240 booths, 120 applications of 4 delegations. All
# but one of these are loaded as they are when delegations and chambers are done with
# them. Two people run the fair: users/admin, and users/organiser, who decides on what the
# other has done.

fair=fairs/canton-136

# PART [FLAG...]: a part of the edition, whose dates are those of 2024 moved to today.
edition() {
  "$bin/fair-edition" "$@" --sections 3 --booths 240 --applications 120 --delegations 4 \
    --drafts 1 --days-later $((($(date -u +%s) - $(date -u -d 2024-06-01 +%s)) / 86400))
}

# Runs a command without showing it.
quietly() { eval "$*" >>"$data/fair.log" 2>&1 || { tail -n 5 "$data/fair.log" >&2; return 1; }; }

# STAGE: the secret that its lottery is drawn from, which only the organiser knows.
secret() { cat "$data/fair-secret-$1"; }

commit_lottery() {
  local stage show=run
  for stage in brand general placement; do
    (umask 077 && openssl rand -hex 16 | tr -d '\n' >"$data/fair-secret-$stage")
    "$show" "caravanctl commit-lottery $fair --stage $stage \\
    --commitment $(secret "$stage" | sha256sum | cut -d' ' -f1)"
    show=quietly
  done
  say "(the hash of a secret, for each stage, before anybody can apply)"
}

# One firm's application, from draft to scored.
apply_for_booths() {
  local application
  application=$(caravanctl get applications --parent "$fair" -o name)
  run "caravanctl check $application -o yaml | head -n 12"
  run "caravanctl submit $application"
  edition screening >"$data/fair-screening.json"
  run "caravanctl screen $application -f $data/fair-screening.json"
  run "caravanctl score $application --context organiser"
  say "(the delegation has verified its points, the chamber has rechecked them)"
}

# STAGE NUMBER SHOW: freezes, draws, runs and publishes a stage. Snapshots and runs are
# numbered together.
allocate() {
  local stage=$1 number=$2 show=$3
  "$show" "caravanctl fair allocate $fair --stage $stage --freeze"
  "$show" "caravanctl reveal-lottery $fair --stage $stage --secret $(secret "$stage") \\
    --public-value '4 0 7' --public-source 'A public draw of this evening (invented)' \\
    --public-time $(date -u +%FT%T.%NZ)"
  "$show" "caravanctl fair allocate $fair --stage $stage --snapshot $fair/snapshots/$number"
  "$show" "caravanctl fair publish $fair/allocations/$((number + 1)) --context organiser"
}

fair_course() {
  say && say "The course of a fair; its firms are invented:"
  : >"$data/fair.log"
  edition zones | quietly "caravanctl apply --load -f -"
  edition registers | quietly "caravanctl apply -f -"
  commit_lottery
  run "caravanctl open $fair"
  edition drafts | quietly "caravanctl apply -f -"
  apply_for_booths
  edition scored | quietly "caravanctl apply --load -f -"
  run "caravanctl close-applications $fair"

  local section
  for section in $(caravanctl get sections --parent "$fair" -o name); do
    quietly "caravanctl divide-quotas $section"
  done
  run "caravanctl get quotas --parent $fair --filter 'section = \"$section\"'"
  say "(the booths of a section, divided over the delegations by their weights)"

  allocate brand 1 quietly
  say "(stage BRAND is run and published likewise; then those that follow)"
  allocate general 3 run
  say "(the inputs are frozen before the public value is known; another person publishes)"
  run "caravanctl pending >$data/fair-pending.txt; head -n 4 $data/fair-pending.txt"
  caravanctl get applications --parent "$fair" --filter 'state = "ALLOTTED"' -o name |
    xargs -P 4 -n 1 caravanctl confirm >>"$data/fair.log" 2>&1
  say && say "All firms confirm their booths."
  allocate placement 5 run
}

# What can be asked of a fair that has had its course.
fair_tour() {
  say && say "What came of the fair:"
  run "caravanctl get applications --parent $fair \\
    --filter 'kind = \"GENERAL\" AND state = \"POSITIONED\"' --limit 3"
  local winner waiting
  winner=$(caravanctl get applications --parent "$fair" --limit 1 -o name \
    --filter 'kind = "GENERAL" AND newcomer = false AND state = "POSITIONED"')
  waiting=$(caravanctl get applications --parent "$fair" --limit 1 -o name \
    --filter 'kind = "GENERAL" AND newcomer = false AND state = "WAITLISTED"')
  run "caravanctl fair explain $winner --allocation $fair/allocations/4"
  run "caravanctl fair explain $winner"
  say "(its booths, and its position)"
  run "caravanctl fair explain $waiting"
  run "caravanctl fair bundle $fair/allocations/4 >$data/fair-bundle.json"
  run "caravanctl fair verify --file $data/fair-bundle.json"
  say "(anybody can compute the run again: it names no firm, and needs no server)"
  run "caravanctl fair draw $fair/floorPlans/1-1.1 --color-by state >$data/fair-1-1.1.svg"
}

# A stand that another firm uses than the one on its fascia.
fair_inspection() {
  local application
  application=$(caravanctl get applications --parent "$fair" --limit 1 -o name \
    --filter 'kind = "BRAND" AND state = "POSITIONED"')
  quietly "caravanctl complete-allocation $fair"
  run "caravanctl start $fair"
  quietly "caravanctl apply -f -" <<EOF_INSPECTION
name: $fair/inspections/stand-1
application: $application
inspectDate: "$(date -u +%F)"
violation: TRANSFER
userSeen: A firm that is not on the fascia
documents: [documents/certificates-2024]
EOF_INSPECTION
  run "caravanctl sanction $fair/inspections/stand-1 --context organiser >/dev/null"
  run "caravanctl get sanctions"
  say "(4 editions out of the section, 15 from all brand booths)"
}
