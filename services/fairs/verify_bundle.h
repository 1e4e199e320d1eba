// Verifying a published run without trusting whoever published it: an outsider
// recomputes it from its bundles, which hold pseudonyms and points, no firms.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "caravan/fairs/v1/allocations.pb.h"

namespace caravan::fairs {

// Something that is not as it should be.
struct Finding {
  // What it is about, a path in the bundle: `draw.seed`, `result.decisions[3].booths`.
  std::string subject;
  // What is wrong: what the bundle says and what it should be.
  std::string message;
};

// Recomputes a section of a run: that the secret is the one that was committed to, the
// seed comes from it, the digests of the inputs and of the public value; that the
// digests are those of inputs, rules and result, and make up those of snapshot and
// run; and every decision. Empty: all is as it should be.
//
// What it cannot see: whether the commitment, the digest of the snapshot and the public
// value are those that were published at their times. Compare them with what you have
// noted then. A seed that was drawn with the digest of an earlier snapshot (of a
// waiting list or a rerun, where `draw.snapshot` is another than the bundle's) is
// checked with that digest, as the draw states it.
std::vector<Finding> VerifyBundle(const v1::Bundle& bundle);

// The same of all sections of a run, and that they are all of it: one bundle for
// each section, of the same run, whose totals are their sums. Subjects begin with
// the id of the section.
std::vector<Finding> VerifyBundles(absl::Span<const v1::Bundle> bundles);

}  // namespace caravan::fairs
