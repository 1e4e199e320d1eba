#include "services/zones/zones.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "caravan/zones/v1/associations.service.h"
#include "caravan/zones/v1/documents.service.h"
#include "caravan/zones/v1/enterprises.service.h"
#include "caravan/zones/v1/evaluation_results.service.h"
#include "caravan/zones/v1/exchange_meetings.service.h"
#include "caravan/zones/v1/practices.service.h"
#include "caravan/zones/v1/reports.service.h"
#include "caravan/zones/v1/submissions.service.h"
#include "caravan/zones/v1/supervision_modes.service.h"
#include "services/zones/associations_service.h"
#include "services/zones/brands_service.h"
#include "services/zones/complaints_service.h"
#include "services/zones/compliance_service.h"
#include "services/zones/document.h"
#include "services/zones/enterprise.h"
#include "services/zones/evaluations_service.h"
#include "services/zones/exchange_meetings_service.h"
#include "services/zones/industrial_belts_service.h"
#include "services/zones/pilot_zone.h"
#include "services/zones/pilot_zones_service.h"
#include "services/zones/platforms_service.h"
#include "services/zones/policies_service.h"
#include "services/zones/policy.h"
#include "services/zones/practices_service.h"

namespace caravan::zones {

namespace {

using resources::WriteKind;
using resources::Writing;

absl::Status PreparePilotZone(const Writing& writing, const v1::PilotZone*, v1::PilotZone& after) {
  if (absl::Status s = CheckPilotZone(after); !s.ok()) return s;
  // A register names successors that it may load only later.
  if (writing.kind != WriteKind::kTransition || after.successor().empty()) return absl::OkStatus();
  return CheckSuccession(after, [&](std::string_view name) {
    return writing.registry.Lookup<v1::PilotZone>(writing.reader, name);
  });
}

absl::Status PrepareEnterprise(const Writing& writing, const v1::Enterprise* before,
                               v1::Enterprise& after) {
  if (writing.kind == WriteKind::kTransition) {
    NoteSuspension(*before, writing.caller.today, after);
  }
  if (absl::Status s = CheckEnterprise(after); !s.ok()) return s;
  const bool moved = before == nullptr || before->pilot_zone() != after.pilot_zone();
  if (after.pilot_zone().empty() || !moved || writing.kind == WriteKind::kLoad) {
    return absl::OkStatus();
  }
  auto zone = writing.registry.Lookup<v1::PilotZone>(writing.reader, after.pilot_zone());
  if (!zone.ok()) return zone.status();
  // One that does not exist is left to the check of references.
  if (!zone->has_value()) return absl::OkStatus();
  return CheckHomeZone(after, **zone, writing.caller.today);
}

}  // namespace

host::ServiceDefinition ZonesDefinition() {
  host::ServiceDefinition zones;
  zones.name = "zones";
  zones.description =
      "Serves the registers of pilot zones, enterprises and documents, and the policies.";
  zones.collections = [](resources::Registry& registry) {
    registry.Add<v1::PilotZone>(PreparePilotZone)
        .Add<v1::Enterprise>(PrepareEnterprise)
        .Add<v1::Document>([](const Writing&, const v1::Document* before, v1::Document& after) {
          return PrepareDocument(before, after);
        })
        .Add<v1::SupervisionMode>()
        .Add<v1::Policy>(
            [](const Writing&, const v1::Policy*, v1::Policy& after) { return CheckPolicy(after); })
        .Add<v1::IndustrialBelt>(PrepareIndustrialBelt)
        .Add<v1::Practice>(PreparePractice)
        .Add<v1::Adoption>(PrepareAdoption)
        .Add<v1::ExchangeMeeting>(PrepareExchangeMeeting)
        .Add<v1::ActionItem>(PrepareActionItem)
        .Add<v1::Brand>(PrepareBrand)
        .Add<v1::Evaluation>(PrepareEvaluation)
        .Add<v1::Submission>(PrepareSubmission)
        .Add<v1::EvaluationResult>()
        .Add<v1::Platform>(PreparePlatform)
        .Add<v1::Association>(PrepareAssociation)
        .Add<v1::Report>(PrepareReport)
        .Add<v1::Complaint>(PrepareComplaint);
  };
  zones.services = [](const host::Dependencies& dependencies) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<PilotZonesService>(dependencies.registry));
    services.push_back(std::make_unique<v1::EnterpriseServiceHandlers>());
    services.push_back(std::make_unique<v1::DocumentServiceHandlers>());
    services.push_back(std::make_unique<v1::SupervisionModeServiceHandlers>());
    services.push_back(std::make_unique<PoliciesService>(dependencies.registry));
    services.push_back(std::make_unique<IndustrialBeltsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::PracticeServiceHandlers>());
    services.push_back(std::make_unique<AdoptionsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::ExchangeMeetingServiceHandlers>());
    services.push_back(std::make_unique<ActionItemsService>(dependencies.registry));
    services.push_back(std::make_unique<BrandsService>(dependencies.registry));
    services.push_back(std::make_unique<EvaluationsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::SubmissionServiceHandlers>());
    services.push_back(std::make_unique<v1::EvaluationResultServiceHandlers>());
    services.push_back(std::make_unique<PlatformsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::AssociationServiceHandlers>());
    services.push_back(std::make_unique<v1::ReportServiceHandlers>());
    services.push_back(std::make_unique<ComplaintsService>(dependencies.registry));
    services.push_back(std::make_unique<ComplianceService>(dependencies.registry));
    return services;
  };
  return zones;
}

}  // namespace caravan::zones
