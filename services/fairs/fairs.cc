#include "services/fairs/fairs.h"

#include <memory>
#include <vector>

#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/delegations.service.h"
#include "caravan/fairs/v1/halls.service.h"
#include "caravan/fairs/v1/invitations.service.h"
#include "caravan/fairs/v1/objections.service.h"
#include "caravan/fairs/v1/quotas.service.h"
#include "caravan/fairs/v1/section_inputs.service.h"
#include "caravan/fairs/v1/section_results.service.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/platforms.pb.h"
#include "services/fairs/allocations_service.h"
#include "services/fairs/applications_service.h"
#include "services/fairs/fairs_service.h"
#include "services/fairs/floor_plans_service.h"
#include "services/fairs/floors_service.h"
#include "services/fairs/inspections_service.h"
#include "services/fairs/invitations_service.h"
#include "services/fairs/runs.h"
#include "services/fairs/sections_service.h"

namespace caravan::fairs {

host::ServiceDefinition FairsDefinition() {
  host::ServiceDefinition fairs;
  fairs.name = "fairs";
  fairs.description = "Serves the registers of fairs, and the runs that give booths.";
  fairs.collections = [](resources::Registry& registry) {
    registry.Add<v1::Allocation>(PrepareAllocation)
        .Add<v1::Application>(PrepareApplication)
        .Add<v1::Delegation>()
        .Add<v1::Fair>(PrepareFair)
        .Add<v1::FloorPlan>(PrepareFloorPlan)
        .Add<v1::Hall>(PrepareHall)
        .Add<v1::Inspection>(PrepareInspection)
        .Add<v1::Invitation>(PrepareInvitation)
        .Add<v1::Objection>(PrepareObjection)
        .Add<v1::Quota>(PrepareQuota)
        .Add<v1::Sanction>(PrepareSanction)
        .Add<v1::Section>(PrepareSection)
        .Add<v1::SectionInputs>()
        .Add<v1::SectionResult>()
        .Add<v1::Snapshot>(PrepareSnapshot);
  };
  fairs.peers = {{.service = "zones",
                  .contracts = {zones::v1::Document::descriptor()->file(),
                                zones::v1::Enterprise::descriptor()->file(),
                                zones::v1::PilotZone::descriptor()->file(),
                                zones::v1::Platform::descriptor()->file()}}};
  fairs.services = [](const host::Dependencies& dependencies) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(
        std::make_unique<AllocationsService>(dependencies.registry, dependencies.operations));
    services.push_back(std::make_unique<ApplicationsService>(
        dependencies.registry, dependencies.store, dependencies.peers.Get("zones")));
    services.push_back(std::make_unique<v1::DelegationServiceHandlers>());
    services.push_back(std::make_unique<FairsService>(dependencies.registry));
    services.push_back(std::make_unique<FloorPlansService>(dependencies.registry));
    services.push_back(std::make_unique<v1::HallServiceHandlers>());
    services.push_back(std::make_unique<InspectionsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::InvitationServiceHandlers>());
    services.push_back(std::make_unique<v1::ObjectionServiceHandlers>());
    services.push_back(std::make_unique<v1::QuotaServiceHandlers>());
    services.push_back(std::make_unique<SanctionsService>(dependencies.registry));
    services.push_back(std::make_unique<v1::SectionInputsServiceHandlers>());
    services.push_back(std::make_unique<v1::SectionResultServiceHandlers>());
    services.push_back(std::make_unique<SectionsService>(dependencies.registry));
    services.push_back(
        std::make_unique<SnapshotsService>(dependencies.registry, dependencies.operations));
    RegisterRuns(dependencies.registry, dependencies.peers.Get("zones"), dependencies.operations);
    return services;
  };
  return fairs;
}

}  // namespace caravan::fairs
