#include "services/zones/policies_service.h"

#include <optional>
#include <string_view>
#include <utility>

#include "services/common/api/date.h"
#include "services/zones/eligibility.h"

namespace caravan::zones {

namespace {

// A resource that must exist.
template <class T>
absl::StatusOr<T> Require(const resources::Registry& registry, store::Reader& reader,
                          const std::string& name) {
  absl::StatusOr<std::optional<T>> found = registry.Lookup<T>(reader, name);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return resources::NotFound(*registry.FindByMessage(*T::descriptor())->type, name);
  }
  return **std::move(found);
}

}  // namespace

absl::StatusOr<v1::CheckEligibilityResponse> PoliciesService::CheckEligibility(
    rpc::Call& call, store::Reader& reader, const v1::CheckEligibilityRequest& request) {
  EligibilityQuery query;
  auto enterprise = Require<v1::Enterprise>(registry_, reader, request.enterprise());
  if (!enterprise.ok()) return enterprise.status();
  query.enterprise = *std::move(enterprise);
  auto mode = Require<v1::SupervisionMode>(registry_, reader, request.supervision_mode());
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
    auto policy = Require<v1::Policy>(registry_, reader, request.policy());
    if (!policy.ok()) return policy.status();
    policies.push_back(*std::move(policy));
    return policies;
  }
  store::ScanSpec all;
  all.table = registry_.FindByMessage(*v1::Policy::descriptor())->table;
  bool intact = true;
  absl::Status s = reader.Scan(all, [&](store::Row& row) {
    v1::Policy policy;
    intact = policy.ParseFromString(row.data);
    if (intact && Covers(policy, request.supervision_mode(), day)) {
      policies.push_back(std::move(policy));
    }
    return intact;
  });
  if (!s.ok()) return s;
  if (!intact) return absl::DataLossError("stored row");
  return policies;
}

}  // namespace caravan::zones
