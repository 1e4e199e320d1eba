// Digests: what binds the inputs, the rules and the result of a run together, such that
// an outsider sees a change of any of them.
//
// The text that a digest is of is defined by the comment of its message: Rules,
// SectionInputs, SectionResult, Snapshot, Allocation. What has no bearing on a run is
// not in it: names (but for the section's id), etags, and the digests themselves.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"

namespace caravan::fairs {

// Takes a text piece by piece.
using TextSink = absl::FunctionRef<void(std::string_view)>;

// Write the texts, in pieces of some kilobytes. INVALID_ARGUMENT with reason
// POINTS_INVALID and the field where points are no points (points.h); what has been
// written before is then of no use. A result has no such field.
absl::Status WriteRules(const v1::Rules& rules, TextSink sink);
absl::Status WriteInputs(const v1::SectionInputs& inputs, TextSink sink);
void WriteResult(std::string_view section_id, const v1::SectionResult& result, TextSink sink);

// SHA-256 of the texts, 64 hex digits in lower case; errors are those of the texts.
absl::StatusOr<std::string> DigestOfRules(const v1::Rules& rules);
absl::StatusOr<std::string> DigestOfInputs(const v1::SectionInputs& inputs);
std::string DigestOfResult(std::string_view section_id, const v1::SectionResult& result);

// Of a snapshot: from the digests of its SectionInputs, in the order of its sections.
std::string DigestOfSnapshot(absl::Span<const std::string> inputs_digests);

// Of an allocation: from the digest of its snapshot, that of its rules, the seed, and
// the digests of its SectionResults, in the order of its sections.
std::string DigestOfAllocation(std::string_view snapshot_digest, std::string_view rules_digest,
                               std::string_view seed, absl::Span<const std::string> result_digests);

}  // namespace caravan::fairs
