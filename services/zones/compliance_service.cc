#include "services/zones/compliance_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "services/common/api/date.h"
#include "services/common/resources/reads.h"
#include "services/zones/compliance_standing.h"

namespace caravan::zones {

absl::StatusOr<v1::ComplianceStanding> ComplianceService::ComputeComplianceStanding(
    rpc::Call& call, store::Reader& reader, const v1::ComputeComplianceStandingRequest& request) {
  auto computed = Compute(
      reader, {request.name()},
      request.has_effective_date() ? api::FirstDay(request.effective_date()) : call.caller.today);
  if (!computed.ok()) return computed.status();
  return std::move(*computed->mutable_standings(0));
}

absl::StatusOr<v1::BatchComputeComplianceStandingsResponse>
ComplianceService::BatchComputeComplianceStandings(
    rpc::Call& call, store::Reader& reader,
    const v1::BatchComputeComplianceStandingsRequest& request) {
  const std::vector<std::string> enterprises(request.names().begin(), request.names().end());
  return Compute(
      reader, enterprises,
      request.has_effective_date() ? api::FirstDay(request.effective_date()) : call.caller.today);
}

absl::StatusOr<v1::BatchComputeComplianceStandingsResponse> ComplianceService::Compute(
    store::Reader& reader, absl::Span<const std::string> enterprises, int64_t day) const {
  const resources::Collection& register_of_enterprises =
      *registry_.FindByMessage(*v1::Enterprise::descriptor());
  auto rows = reader.GetMany(register_of_enterprises.table, enterprises);
  if (!rows.ok()) return rows.status();
  absl::flat_hash_map<std::string, std::vector<v1::Complaint>> complaints;
  absl::Status s = resources::Visit<v1::Complaint>(
      registry_, reader, "enterprise", {enterprises.begin(), enterprises.end()},
      [&](v1::Complaint one) { complaints[one.enterprise()].push_back(std::move(one)); });
  if (!s.ok()) return s;
  v1::BatchComputeComplianceStandingsResponse response;
  for (size_t i = 0; i < enterprises.size(); ++i) {
    const std::optional<store::Row>& row = (*rows)[i];
    if (!row.has_value()) {
      return resources::NotFound(*register_of_enterprises.type, enterprises[i]);
    }
    v1::Enterprise enterprise;
    if (!enterprise.ParseFromString(row->data)) return absl::DataLossError("stored row");
    *response.add_standings() = StandingOn(enterprise, complaints[enterprise.name()], day);
  }
  return response;
}

}  // namespace caravan::zones
