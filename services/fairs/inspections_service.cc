#include "services/fairs/inspections_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "services/common/resources/deletion.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/names.h"
#include "services/fairs/sanction.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using resources::WriteKind;
using resources::Writing;
using v1::Application;
using v1::Inspection;
using v1::Sanction;

absl::Status PrepareInspection(const Writing& writing, const Inspection* before,
                               Inspection& after) {
  const std::string& principal = writing.caller.principal.name;
  if (before != nullptr) {
    // SanctionInspection has checked what it does.
    if (after.sanctioned() && !before->sanctioned()) return absl::OkStatus();
    if (absl::Status s = CheckInspectionOpen(*before, principal); !s.ok()) return s;
    return CheckInspection(after, writing.caller.today);
  }
  after.set_inspector(principal);
  if (absl::Status s = CheckInspection(after, writing.caller.today); !s.ok()) return s;
  auto application = writing.registry.Lookup<Application>(writing.reader, after.application());
  if (!application.ok()) return application.status();
  // One that does not exist is left to the check of references.
  if (!application->has_value()) return absl::OkStatus();
  return CheckInspected(after, **application);
}

absl::Status PrepareSanction(const Writing&, const Sanction*, Sanction& after) {
  return CheckSanction(after);
}

InspectionsService::InspectionsService(const resources::Registry& registry) : registry_(registry) {
  BindWrite<v1::DeleteInspectionRequest, google::protobuf::Empty>(
      "DeleteInspection",
      [this](rpc::Call& call, store::Transaction& tx, const v1::DeleteInspectionRequest& request) {
        return resources::DeleteIf<Inspection>(
            registry_, call.caller, tx, request, [&](const Inspection& before) {
              return CheckInspectionOpen(before, call.caller.principal.name);
            });
      });
}

absl::StatusOr<v1::SanctionInspectionResponse> InspectionsService::SanctionInspection(
    rpc::Call& call, store::Transaction& tx, const v1::SanctionInspectionRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const auto& inspections = *registry_.FindByMessage(*Inspection::descriptor());
  const auto& applications = *registry_.FindByMessage(*Application::descriptor());
  const auto& sanctions = *registry_.FindByMessage(*Sanction::descriptor());
  auto stored = writer.ReadForChange(inspections, request.name(), request.etag(), "etag");
  if (!stored.ok()) return stored.status();
  Inspection inspection = static_cast<const Inspection&>(*stored->message);
  auto fair = resources::Require<v1::Fair>(registry_, tx, EditionOf(inspection.name()));
  if (!fair.ok()) return fair.status();

  // Who may sanction an inspection may do what follows from it.
  const resources::Caller unrestricted = call.caller.Unrestricted();
  resources::Writer consequences(registry_, unrestricted, tx);
  auto placed = consequences.ReadForChange(applications, inspection.application(), "", "etag");
  if (!placed.ok()) return placed.status();
  Application application = static_cast<const Application&>(*placed->message);
  if (absl::Status s = CheckSanctionable(inspection, application, call.caller.principal.name);
      !s.ok()) {
    return s;
  }

  v1::SanctionInspectionResponse response;
  inspection.set_sanctioned(true);
  auto written = writer.Write(inspections, &*stored, inspection, WriteKind::kUpdate, "");
  if (!written.ok()) return written.status();
  application.set_state(Application::VIOLATED);
  written = consequences.Write(applications, &*placed, application, WriteKind::kTransition, "");
  if (!written.ok()) return written.status();
  for (Sanction& sanction : SanctionsFor(inspection, application, *fair)) {
    sanction.set_name(absl::StrCat("sanctions/", writer.NewId()));
    written = consequences.Write(sanctions, nullptr, sanction, WriteKind::kCreate, "");
    if (!written.ok()) return written.status();
    *response.add_sanctions() = std::move(sanction);
  }
  *response.mutable_inspection() = std::move(inspection);
  return response;
}

absl::StatusOr<Sanction> SanctionsService::LiftSanction(rpc::Call& call, store::Transaction& tx,
                                                        const v1::LiftSanctionRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const auto& sanctions = *registry_.FindByMessage(*Sanction::descriptor());
  auto stored = writer.ReadForChange(sanctions, request.name(), request.etag(), "etag");
  if (!stored.ok()) return stored.status();
  Sanction sanction = static_cast<const Sanction&>(*stored->message);
  if (absl::Status s = Lift(request.lift_reason(), call.caller.principal.name, sanction); !s.ok()) {
    return s;
  }
  auto written = writer.Write(sanctions, &*stored, sanction, WriteKind::kUpdate, "");
  if (!written.ok()) return written.status();
  return sanction;
}

}  // namespace caravan::fairs
