#include "services/fairs/firms.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "caravan/zones/v1/compliance.client.h"
#include "caravan/zones/v1/enterprises.client.h"
#include "services/common/api/date.h"

namespace caravan::fairs {

using zones::v1::ComplianceServiceClient;
using zones::v1::ComplianceStanding;
using zones::v1::Enterprise;
using zones::v1::EnterpriseServiceClient;

namespace {

// The contracts' limit of a batch.
constexpr size_t kBatch = 1000;

// The enterprises that exist, in the order of the names.
absl::StatusOr<std::vector<Enterprise>> Existing(const peers::Peer& zones,
                                                 const client::CallOptions& options,
                                                 absl::Span<const std::string> names) {
  const EnterpriseServiceClient client(zones.connection(), options);
  zones::v1::BatchGetEnterprisesRequest request;
  for (const std::string& name : names) request.add_names(name);
  auto batch = client.BatchGetEnterprises(request);
  std::vector<Enterprise> existing;
  if (batch.ok()) {
    for (Enterprise& one : *batch->mutable_enterprises()) existing.push_back(std::move(one));
    return existing;
  }
  if (!absl::IsNotFound(batch.status())) return zones.Unavailable(batch.status());
  // A batch is answered as a whole: each is looked for by itself.
  for (const std::string& name : names) {
    auto one = client.GetEnterprise(name);
    if (absl::IsNotFound(one.status())) continue;
    if (!one.ok()) return zones.Unavailable(one.status());
    existing.push_back(*std::move(one));
  }
  return existing;
}

absl::Status AskBatch(const peers::Peer& zones, const client::CallOptions& options,
                      absl::Span<const std::string> names, int64_t day, std::vector<Firm>& firms) {
  auto existing = Existing(zones, options, names);
  if (!existing.ok()) return existing.status();
  absl::flat_hash_map<std::string, Firm> known;
  zones::v1::BatchComputeComplianceStandingsRequest request;
  *request.mutable_effective_date() = api::DateOfDay(day);
  for (const Enterprise& one : *existing) {
    Firm& firm = known[one.name()];
    firm.name = one.name();
    firm.state = one.state();
    for (int role : one.roles()) firm.roles.push_back(static_cast<Enterprise::Role>(role));
    request.add_names(one.name());
  }
  if (request.names_size() > 0) {
    auto standings = ComplianceServiceClient(zones.connection(), options)
                         .BatchComputeComplianceStandings(request);
    if (!standings.ok()) return zones.Unavailable(standings.status());
    for (const ComplianceStanding& standing : standings->standings()) {
      known[standing.enterprise()].standing = standing.level();
    }
  }
  for (const std::string& name : names) {
    const auto found = known.find(name);
    firms.push_back(found == known.end() ? Firm{.name = name} : found->second);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Firm>> AskFirms(const peers::Peer& zones,
                                           const client::CallOptions& options,
                                           const std::vector<std::string>& names, int64_t day) {
  std::vector<Firm> firms;
  absl::Span<const std::string> left = names;
  while (!left.empty()) {
    const absl::Span<const std::string> batch = left.subspan(0, std::min(left.size(), kBatch));
    if (absl::Status s = AskBatch(zones, options, batch, day, firms); !s.ok()) return s;
    left.remove_prefix(batch.size());
  }
  return firms;
}

}  // namespace caravan::fairs
