#include "services/logistics/logistics.h"

#include <memory>
#include <utility>
#include <vector>

#include "caravan/logistics/v1/lanes.service.h"
#include "caravan/logistics/v1/partners.service.h"
#include "caravan/logistics/v1/tracking_vocabularies.service.h"
#include "caravan/logistics/v1/warehouses.service.h"
#include "caravan/logistics/v1/working_calendars.service.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/platforms.pb.h"
#include "services/logistics/parcel_host.h"
#include "services/logistics/parcel_scorecards.h"
#include "services/logistics/parcels_service.h"
#include "services/logistics/partnerships_service.h"
#include "services/logistics/reckonings_service.h"
#include "services/logistics/register_writes.h"
#include "services/logistics/scorecards_service.h"
#include "services/logistics/tracking_service.h"

namespace caravan::logistics {

host::ServiceDefinition LogisticsDefinition(std::shared_ptr<ScorecardSource> scorecards,
                                            const Retention& retention) {
  host::ServiceDefinition logistics;
  logistics.name = "logistics";
  logistics.description = "Serves partners and their agreements, and what is measured of parcels.";
  logistics.collections = [](resources::Registry& registry) {
    registry.Add<v1::Dispute>(PrepareDispute)
        .Add<v1::Lane>(PrepareLane)
        .Add<v1::Partner>(PreparePartner)
        .Add<v1::Partnership>(PreparePartnership)
        .Add<v1::Reckoning>()
        .Add<v1::TrackingVocabulary>(PrepareVocabulary)
        .Add<v1::Warehouse>(PrepareWarehouse)
        .Add<v1::WorkingCalendar>(PrepareCalendar);
  };
  logistics.peers = {{.service = "zones",
                      .contracts = {zones::v1::Document::descriptor()->file(),
                                    zones::v1::Enterprise::descriptor()->file(),
                                    zones::v1::PilotZone::descriptor()->file(),
                                    zones::v1::Platform::descriptor()->file()}}};
  logistics.services = [made_up = std::move(scorecards),
                        retention](const host::Dependencies& dependencies)
      -> absl::StatusOr<std::vector<std::unique_ptr<rpc::Service>>> {
    auto parcels = ParcelHost::Open(dependencies, retention);
    if (!parcels.ok()) return parcels.status();
    std::shared_ptr<ScorecardSource> scorecards = made_up;
    if (scorecards == nullptr) scorecards = std::make_shared<ParcelScorecards>(*parcels);
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<DisputesService>(scorecards));
    services.push_back(std::make_unique<v1::LaneServiceHandlers>());
    services.push_back(std::make_unique<ParcelsService>(*parcels));
    services.push_back(std::make_unique<v1::PartnerServiceHandlers>());
    services.push_back(std::make_unique<PartnershipsService>(dependencies.registry));
    services.push_back(std::make_unique<ReckoningsService>(dependencies, scorecards));
    services.push_back(std::make_unique<ScorecardsService>(*parcels, dependencies.operations));
    services.push_back(std::make_unique<TrackingService>(*parcels));
    services.push_back(std::make_unique<v1::TrackingVocabularyServiceHandlers>());
    services.push_back(std::make_unique<v1::WarehouseServiceHandlers>());
    services.push_back(std::make_unique<v1::WorkingCalendarServiceHandlers>());
    return services;
  };
  return logistics;
}

}  // namespace caravan::logistics
