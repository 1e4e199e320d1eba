#include "services/common/host/serve.h"
#include "services/common/settings/settings.h"
#include "services/logistics/logistics.h"
#include "services/logistics/settings.pb.h"

int main(int argc, char** argv) {
  using caravan::settings::ToDuration;
  const auto settings = caravan::settings::LoadOrExit<caravan::logistics::LogisticsSettings>(
      {.name = "caravan-logistics",
       .description = "Serves partners and their agreements, and what is measured of parcels."},
      argc, argv);
  const caravan::logistics::Retention retention = {
      .feed = ToDuration(settings.event_feed_retention()),
      .parcels = ToDuration(settings.parcel_retention())};
  return caravan::host::Serve(caravan::logistics::LogisticsDefinition(nullptr, retention),
                              settings.server());
}
