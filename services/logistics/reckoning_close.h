// Freezing months: by a call, or by the service itself when their time has come.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/reckonings.pb.h"
#include "services/common/host/host.h"
#include "services/common/operations/clock.h"
#include "services/common/operations/maintenance.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"
#include "services/logistics/scorecard_source.h"

namespace caravan::logistics {

// What was measured before a transaction.
struct Measured {
  std::map<absl::CivilMonth, Scorecard> months;
  // By month and parcel (`parcels/*`); nothing where the partnership has no such parcel.
  std::map<std::pair<absl::CivilMonth, std::string>, std::optional<Scorecard>> parcels;
};

// Measures what takes to freeze a month: the month and those that it may adjust, with the
// parcels that are claimed in them. Nothing of a month that has no reckoning.
absl::StatusOr<Measured> MeasureForFinal(const resources::Registry& registry, store::Store& store,
                                         ScorecardSource& source, std::string_view reckoning);

// Freezes a month in a transaction: FinalizeReckoning. `etag` may be empty. ABORTED with
// reason CHANGED_MEANWHILE where something is asked for that was not measured.
absl::StatusOr<v1::Reckoning> Finalize(const resources::Registry& registry,
                                       const resources::Caller& caller, store::Transaction& tx,
                                       std::string_view reckoning, std::string_view etag,
                                       const Measured& measured);

// Freezes all months whose time has come, in the name of the service, but those that wait
// for answers or arbitration. Returns how many it has frozen.
absl::StatusOr<int64_t> FinalizeDue(const resources::Registry& registry, store::Store& store,
                                    ScorecardSource& source, absl::Time now, absl::TimeZone zone);

// Does that now and then, on a thread of its own, on one replica at a time.
class ReckoningCloser {
 public:
  ReckoningCloser(const host::Dependencies& dependencies, std::shared_ptr<ScorecardSource> source);

 private:
  const std::unique_ptr<operations::Clock> clock_;
  const std::unique_ptr<operations::Maintenance> maintenance_;
};

}  // namespace caravan::logistics
