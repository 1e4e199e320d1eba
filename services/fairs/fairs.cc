#include "services/fairs/fairs.h"

#include <memory>
#include <vector>

#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/delegations.service.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.service.h"
#include "caravan/fairs/v1/inspections.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/quotas.service.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/section_inputs.service.h"
#include "caravan/fairs/v1/section_results.service.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"

namespace caravan::fairs {

host::ServiceDefinition FairsDefinition() {
  host::ServiceDefinition fairs;
  fairs.name = "fairs";
  fairs.description = "Serves the registers of fairs, and the runs that give booths.";
  fairs.collections = [](resources::Registry& registry) {
    registry.Add<v1::Allocation>()
        .Add<v1::Application>()
        .Add<v1::Delegation>()
        .Add<v1::Fair>()
        .Add<v1::FloorPlan>()
        .Add<v1::Hall>()
        .Add<v1::Inspection>()
        .Add<v1::Invitation>()
        .Add<v1::Objection>()
        .Add<v1::Quota>()
        .Add<v1::Sanction>()
        .Add<v1::Section>()
        .Add<v1::SectionInputs>()
        .Add<v1::SectionResult>()
        .Add<v1::Snapshot>();
  };
  fairs.services = [](const host::Dependencies&) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<v1::DelegationServiceHandlers>());
    services.push_back(std::make_unique<v1::HallServiceHandlers>());
    services.push_back(std::make_unique<v1::QuotaServiceHandlers>());
    services.push_back(std::make_unique<v1::SectionInputsServiceHandlers>());
    services.push_back(std::make_unique<v1::SectionResultServiceHandlers>());
    return services;
  };
  return fairs;
}

}  // namespace caravan::fairs
