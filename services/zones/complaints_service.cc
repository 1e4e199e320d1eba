#include "services/zones/complaints_service.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/resources/reads.h"
#include "services/zones/complaint.h"
#include "services/zones/complaint_summary.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

using resources::WriteKind;
using resources::Writing;

namespace {

// The zone that answers for another one on a day; that one itself where none
// does, and nothing for nothing.
absl::StatusOr<std::string> AnsweringZone(const Writing& writing, const std::string& zone,
                                          int64_t day) {
  if (zone.empty()) return zone;
  auto answering = ResolvePilotZone(zone, day, [&](std::string_view name) {
    return writing.registry.Lookup<v1::PilotZone>(writing.reader, name);
  });
  if (answering.ok() && answering->has_value()) return (*answering)->name();
  if (!answering.ok() && answering.status().code() != absl::StatusCode::kFailedPrecondition) {
    return answering.status();
  }
  return zone;
}

// Checks a new complaint against the registers. What does not exist is left to
// the check of references.
absl::Status AssignNew(const Writing& writing, v1::Complaint& complaint) {
  auto enterprise = writing.registry.Lookup<v1::Enterprise>(writing.reader, complaint.enterprise());
  if (!enterprise.ok()) return enterprise.status();
  if (!enterprise->has_value()) return absl::OkStatus();
  const int64_t filed = api::FirstDay(complaint.filing_date());
  auto home = AnsweringZone(writing, (*enterprise)->pilot_zone(), filed);
  if (!home.ok()) return home.status();
  std::optional<v1::Association> association;
  if (!complaint.association().empty()) {
    auto found = writing.registry.Lookup<v1::Association>(writing.reader, complaint.association());
    if (!found.ok()) return found.status();
    if (!found->has_value()) return absl::OkStatus();
    association = *std::move(found);
    auto zone = AnsweringZone(writing, association->pilot_zone(), filed);
    if (!zone.ok()) return zone.status();
    association->set_pilot_zone(*std::move(zone));
  }
  return Assign(association, *home, complaint);
}

}  // namespace

absl::Status PrepareComplaint(const Writing& writing, const v1::Complaint* before,
                              v1::Complaint& after) {
  // A register holds what others decided.
  if (writing.kind == WriteKind::kLoad) return CheckComplaint(after);
  if (before == nullptr) {
    if (absl::Status s = AssignNew(writing, after); !s.ok()) return s;
  }
  const resources::Caller& caller = writing.caller;
  absl::Status s = CheckParty(before, after, [&](std::string_view resource) {
    return caller.access->Check(caller.principal, caller.permission, resource) ==
           identity::Grant::kGranted;
  });
  if (!s.ok()) return s;
  if (writing.kind == WriteKind::kUpdate) {
    if (s = CheckOpenForUpdate(*before, after); !s.ok()) return s;
  }
  if (writing.kind == WriteKind::kTransition) {
    CompleteDecision(*before, caller.principal.name, after);
  }
  if (s = CheckComplaint(after); !s.ok()) return s;
  return CheckNoFutureDays(before, after, caller.today);
}

absl::StatusOr<std::string_view> ComplaintsService::FieldOf(store::Reader& reader,
                                                            const std::string& scope) const {
  if (scope.empty()) return "";
  const resources::Collection* collection = registry_.FindByName(scope);
  const auto is = [&](const google::protobuf::Descriptor* type) {
    return collection != nullptr && &collection->type->message() == type;
  };
  if (is(v1::Association::descriptor())) {
    auto found = resources::Require<v1::Association>(registry_, reader, scope);
    if (!found.ok()) return found.status();
    return "association";
  }
  if (is(v1::PilotZone::descriptor())) {
    auto found = resources::Require<v1::PilotZone>(registry_, reader, scope);
    if (!found.ok()) return found.status();
    return "pilot_zone";
  }
  api::Violations violations;
  violations.Add("scope", absl::StrCat("is ", api::Quoted(scope),
                                       "; must be the name of an association or a pilot zone"));
  return violations.ToStatus();
}

absl::StatusOr<v1::SummarizeComplaintsResponse> ComplaintsService::SummarizeComplaints(
    rpc::Call& call, store::Reader& reader, const v1::SummarizeComplaintsRequest& request) {
  absl::StatusOr<ComplaintSummary> summary = ComplaintSummary::For(request, call.caller.today);
  if (!summary.ok()) return summary.status();
  absl::StatusOr<std::string_view> field = FieldOf(reader, request.scope());
  if (!field.ok()) return field.status();
  absl::Status s =
      resources::Visit<v1::Complaint>(registry_, reader, *field, {request.scope()},
                                      [&](const v1::Complaint& one) { summary->Add(one); });
  if (!s.ok()) return s;
  return summary->Response();
}

}  // namespace caravan::zones
