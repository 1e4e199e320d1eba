// The rules for every write of the simple registers.
#pragma once

#include "absl/status/status.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "caravan/logistics/v1/warehouses.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::logistics {

absl::Status PrepareLane(const resources::Writing& writing, const v1::Lane* before,
                         v1::Lane& after);
absl::Status PreparePartner(const resources::Writing& writing, const v1::Partner* before,
                            v1::Partner& after);
absl::Status PrepareVocabulary(const resources::Writing& writing,
                               const v1::TrackingVocabulary* before, v1::TrackingVocabulary& after);
absl::Status PrepareWarehouse(const resources::Writing& writing, const v1::Warehouse* before,
                              v1::Warehouse& after);
absl::Status PrepareCalendar(const resources::Writing& writing, const v1::WorkingCalendar* before,
                             v1::WorkingCalendar& after);

}  // namespace caravan::logistics
