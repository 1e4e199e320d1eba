#include "services/fairs/section.h"

#include <numeric>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/text.h"
#include "services/fairs/apportionment.h"
#include "services/fairs/fair.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"

namespace caravan::fairs {

using v1::Quota;
using v1::Section;

namespace {

ApportionmentMethod MethodOf(v1::ApportionmentMethod method) {
  switch (method) {
    case v1::D_HONDT:
      return ApportionmentMethod::kDHondt;
    case v1::SAINTE_LAGUE:
      return ApportionmentMethod::kSainteLague;
    default:
      return ApportionmentMethod::kLargestRemainder;
  }
}

// In thousandths.
absl::int128 WeightOf(const Quota& quota) {
  return absl::int128(quota.base()) * ParsePoints(quota.coefficient()).value_or(0);
}

}  // namespace

void RequireSameEdition(std::string_view name, std::string_view field, std::string_view target,
                        api::Violations& violations) {
  if (target.empty() || EditionOf(name) == EditionOf(target)) return;
  violations.Add(std::string(field),
                 absl::StrCat("is ", target, ", which is not of ", EditionOf(name)));
}

absl::Status CheckSection(const Section& section, const v1::Fair& fair) {
  api::Violations violations;
  if (!section.phase().empty() && FindPhase(fair, section.phase()) == nullptr) {
    violations.Add("phase",
                   absl::StrCat("is ", api::Quoted(section.phase()), ", which is no phase of ",
                                fair.name(), "; it has: ", PhaseIds(fair)));
  }
  if (section.kind() == Section::SPECIAL) {
    const auto none = [&](const char* field, int32_t booths) {
      if (booths == 0) return;
      violations.Add(field, absl::StrCat("is ", booths,
                                         ", but booths of a SPECIAL section are not "
                                         "given by score or quota; must be 0"));
    };
    none("brand_booths", section.brand_booths());
    none("general_booths", section.general_booths());
    none("newcomer_booths", section.newcomer_booths());
  }
  const int32_t cap = section.firm_cap() > 0 ? section.firm_cap() : fair.rules().firm_cap();
  if (cap > 0 && section.brand_minimum() > cap) {
    violations.Add("brand_minimum", absl::StrCat("is ", section.brand_minimum(),
                                                 ", more than a firm may have, ", cap));
  }
  absl::flat_hash_set<std::string_view> groups;
  for (int i = 0; i < section.product_groups_size(); ++i) {
    if (groups.insert(section.product_groups(i).id()).second) continue;
    violations.Add(absl::StrCat("product_groups[", i, "].id"),
                   absl::StrCat("is ", api::Quoted(section.product_groups(i).id()),
                                " once more; ids of product groups differ"));
  }
  return violations.ToStatus();
}

absl::Status CheckQuota(const Quota& quota, const Section* section) {
  api::Violations violations;
  const std::string id =
      absl::StrCat(LastSegment(quota.section()), ".", LastSegment(quota.delegation()));
  if (!quota.section().empty() && !quota.delegation().empty() && LastSegment(quota.name()) != id) {
    violations.Add("name", absl::StrCat("has the id ", api::Quoted(LastSegment(quota.name())),
                                        "; must be ", id, ", those of section and delegation"));
  }
  RequireSameEdition(quota.name(), "section", quota.section(), violations);
  if (section != nullptr && section->kind() != Section::REGULAR) {
    violations.Add("section", absl::StrCat("is ", quota.section(), ", which is ",
                                           Section::Kind_Name(section->kind()),
                                           "; only REGULAR sections have quotas"));
  }
  if (quota.has_ceiling() && quota.ceiling() < quota.floor()) {
    violations.Add("ceiling",
                   absl::StrCat("is ", quota.ceiling(), ", below the floor, ", quota.floor()));
  }
  if (WeightOf(quota) > kMaxWeight) {
    violations.Add("base", absl::StrCat("times the coefficient is more than ",
                                        kMaxWeight / kOnePoint, ", the greatest weight"));
  }
  return violations.ToStatus();
}

absl::StatusOr<DividedQuotas> DivideQuotas(const Section& section, const v1::Rules& rules,
                                           absl::Span<const Quota> quotas,
                                           const std::vector<bool>& barred) {
  if (quotas.empty()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "NO_QUOTAS",
                      absl::StrCat(section.name(),
                                   " has no quotas; create one for each delegation "
                                   "that takes part"))
        .With("resource", section.name())
        .Precondition("QUOTAS", section.name(), "has none");
  }
  std::vector<Claimant> claimants;
  for (size_t i = 0; i < quotas.size(); ++i) {
    Claimant claimant;
    claimant.tie_key = std::string(LastSegment(quotas[i].delegation()));
    if (barred[i]) {
      claimant.ceiling = 0;
    } else {
      claimant.weight = static_cast<int64_t>(WeightOf(quotas[i]));
      claimant.floor = quotas[i].floor();
      if (quotas[i].has_ceiling()) claimant.ceiling = quotas[i].ceiling();
    }
    claimants.push_back(std::move(claimant));
  }
  auto booths = Apportion(MethodOf(rules.quota_method()), section.general_booths(), claimants);
  if (api::ReasonOf(booths.status()) == "FLOORS_ABOVE_SUPPLY") {
    const std::string message(booths.status().message());
    return api::Error(booths.status().code(), "FLOORS_ABOVE_SUPPLY",
                      absl::StrCat(section.name(), " cannot be divided: ", message))
        .With("resource", section.name())
        .Field("general_booths", message);
  }
  if (!booths.ok()) return booths.status();
  DividedQuotas divided{*std::move(booths)};
  divided.left = section.general_booths() -
                 std::accumulate(divided.booths.begin(), divided.booths.end(), int64_t{0});
  return divided;
}

}  // namespace caravan::fairs
