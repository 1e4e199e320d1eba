// Sections and the quotas by which delegations divide their general booths.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {

// Adds what is wrong where a field names a resource of another edition than `name`; nothing
// where it is empty.
void RequireSameEdition(std::string_view name, std::string_view field, std::string_view target,
                        api::Violations& violations);

// INVALID_ARGUMENT where the phase is none of the edition's, numbers contradict each other,
// ids of product groups are not unique, or a special section has booths to apply for.
absl::Status CheckSection(const v1::Section& section, const v1::Fair& fair);

// INVALID_ARGUMENT where the id is not `{section}.{delegation}`, the section is special
// (`section`; null: does not exist, which others check) or of another edition, the ceiling is
// below the floor, or the weight is too great.
absl::Status CheckQuota(const v1::Quota& quota, const v1::Section* section);

struct DividedQuotas {
  std::vector<int64_t> booths;  // in the order of the quotas
  int64_t left = 0;             // that nobody gets
};

// Divides the general booths of a section over its quotas. `barred` says of each whether its
// delegation is under a sanction: it gets none. FAILED_PRECONDITION with reason NO_QUOTAS or
// FLOORS_ABOVE_SUPPLY.
absl::StatusOr<DividedQuotas> DivideQuotas(const v1::Section& section, const v1::Rules& rules,
                                           absl::Span<const v1::Quota> quotas,
                                           const std::vector<bool>& barred);

}  // namespace caravan::fairs
