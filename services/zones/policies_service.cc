#include "services/zones/policies_service.h"

#include <optional>
#include <string_view>
#include <utility>

#include "services/common/api/date.h"
#include "services/common/resources/reads.h"
#include "services/zones/eligibility.h"

namespace caravan::zones {

absl::StatusOr<v1::CheckEligibilityResponse> PoliciesService::CheckEligibility(
    rpc::Call& call, store::Reader& reader, const v1::CheckEligibilityRequest& request) {
  EligibilityQuery query;
  auto enterprise = resources::Require<v1::Enterprise>(registry_, reader, request.enterprise());
  if (!enterprise.ok()) return enterprise.status();
  query.enterprise = *std::move(enterprise);
  auto mode =
      resources::Require<v1::SupervisionMode>(registry_, reader, request.supervision_mode());
  if (!mode.ok()) return mode.status();
  query.supervision_mode = *std::move(mode);
  query.goods = request.goods();
  query.evidence = request.evidence();
  query.day =
      request.has_effective_date() ? api::FirstDay(request.effective_date()) : call.caller.today;
  auto policies = PoliciesFor(reader, request, query.day);
  if (!policies.ok()) return policies.status();
  return zones::CheckEligibility(
      query, [&](std::string_view name) { return registry_.Lookup<v1::PilotZone>(reader, name); },
      *policies);
}

absl::StatusOr<std::vector<v1::Policy>> PoliciesService::PoliciesFor(
    store::Reader& reader, const v1::CheckEligibilityRequest& request, int64_t day) const {
  std::vector<v1::Policy> policies;
  if (!request.policy().empty()) {
    auto policy = resources::Require<v1::Policy>(registry_, reader, request.policy());
    if (!policy.ok()) return policy.status();
    policies.push_back(*std::move(policy));
    return policies;
  }
  absl::Status s = resources::Visit<v1::Policy>(registry_, reader, "", {}, [&](v1::Policy policy) {
    if (Covers(policy, request.supervision_mode(), day)) policies.push_back(std::move(policy));
  });
  if (!s.ok()) return s;
  return policies;
}

}  // namespace caravan::zones
