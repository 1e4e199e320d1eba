#!/bin/sh
# Writes iso_tables.cc anew from Debian's package iso-codes. Needs jq.
set -eu
source=${1:-/usr/share/iso-codes/json}
cd "$(dirname "$0")"
rows='sort_by(.[0])[] | "    {\(.[0] | tojson), \(.[1] | tojson)},"'
{
  echo "// Written by make_iso_tables.sh from the package iso-codes" \
    "$(dpkg-query -W -f '${Version}' iso-codes)."
  cat <<'HEAD'
#include "services/common/codes/codes.h"

namespace caravan::codes {
namespace {

// clang-format off
constexpr Region kCountries[] = {
HEAD
  jq -r "[.\"3166-1\"[] | [.alpha_2, .common_name // .name]] | $rows" "$source/iso_3166-1.json"
  cat <<'MIDDLE'
};

constexpr Region kProvinces[] = {
MIDDLE
  jq -r "[.\"3166-2\"[] | select(.code | startswith(\"CN-\")) | [.code, .name]] | $rows" \
    "$source/iso_3166-2.json"
  cat <<'TAIL'
};
// clang-format on

}  // namespace

absl::Span<const Region> Countries() { return kCountries; }
absl::Span<const Region> Provinces() { return kProvinces; }

}  // namespace caravan::codes
TAIL
} > iso_tables.cc.new
mv iso_tables.cc.new iso_tables.cc
