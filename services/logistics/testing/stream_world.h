// The invented world in which streams of tracking events arise: who carries parcels
// from where to where, in whose words and by which clock, and what was agreed.
//
// What is known: pilot zones, vocabularies (deploy/data/tracking_codes.csv), countries
// and their time zones, the form of postal numbers (UPU S10). All companies are invented;
// holidays are some of those of 2024 and 2025.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/platforms.pb.h"
#include "services/logistics/tracking_status.h"

namespace caravan::logistics::testing {

// A code of a vocabulary, for a status and, where it has one of its own, a reason.
struct StreamCode {
  TrackingStatus status;
  TrackingReason reason;
  std::string_view code;
};

// The codes of a vocabulary that streams use.
absl::Span<const StreamCode> StreamCodesOf(std::string_view vocabulary);

// How a carrier writes times.
enum class ClockForm : uint8_t {
  kOffset,      // 2024-08-02T10:15:00+08:00
  kUtc,         // 2024-08-02T02:15:00Z
  kPlace,       // 2024-08-02 10:15:00, and the place's time zone beside it
  kBare,        // 2024-08-02T10:15, with nothing beside it: the destination's time
  kHomeOffice,  // 2024-08-02 10:15:00 in the time of its own office (a time rule)
};

// How a carrier numbers its parcels.
enum class NumberForm : uint8_t {
  kPostal,   // LX473124829CN (UPU S10)
  kLong,     // YT0100000004731248
  kNumeric,  // 300004731248: what several carriers have, and so the same numbers
};

struct StreamCarrier {
  std::string_view id;
  std::string_view title;
  std::string_view country;
  std::string_view vocabulary;
  std::string_view time_rule = {};  // of its own; empty: the vocabulary's
  ClockForm clock = ClockForm::kOffset;
  NumberForm numbers = NumberForm::kNumeric;
  bool gives_ids = true;  // of events
  // Of a thousand:
  int missing = 20;  // scans that are never told
  int late = 40;     // events that are told hours or days later
  int failing = 80;  // couriers: first attempts that fail
  int pace = 1000;   // couriers: how long they need, 1000 being usual
};

struct StreamPlace {
  std::string_view country;
  absl::TimeZone zone;
  std::string_view zone_name;
  std::string_view port;  // where parcels arrive
  std::array<std::string_view, 3> cities;
  std::string_view postal_form;  // # stands for a digit, A for a letter
};

struct StreamLane {
  std::string id;
  size_t origin = 0;       // index of StreamWorld::origins
  size_t destination = 0;  // index of StreamWorld::places
  std::string_view postal_area;
  v1::Lane::Mode mode = v1::Lane::AIR;
  uint32_t weight = 1;  // of parcels
};

struct StreamPartnership {
  std::string id;
  size_t line_haul = 0, courier = 0;  // indexes of StreamWorld::carriers
  std::vector<size_t> lanes;
  // Whether the courier gives parcels numbers of its own at hand-over.
  bool relabels = false;
};

struct StreamOrigin {
  std::string_view zone;  // a pilot zone's id
  std::string_view title;
  std::string_view province;
};

// Which partnership takes a parcel on a lane.
struct StreamRoute {
  size_t partnership = 0;
  size_t lane = 0;
};

struct StreamWorldOptions {
  // Whether parcels name sellers, platforms and zones, which must then be in the zones
  // service. Without it lanes begin in provinces.
  bool zones = true;
  int sellers = 200;
};

struct StreamWorld {
  explicit StreamWorld(const StreamWorldOptions& options);

  std::vector<StreamOrigin> origins;
  std::vector<StreamPlace> places;
  std::vector<StreamCarrier> carriers;
  std::vector<StreamLane> lanes;
  std::vector<StreamPartnership> partnerships;
  std::vector<StreamRoute> routes;     // each as often as it is taken
  std::vector<std::string> sellers;    // names; the origin of the i-th is i modulo origins
  std::vector<std::string> platforms;  // names

  // The same as registers. Partnerships are ACTIVE, for loading.
  std::vector<v1::WorkingCalendar> calendar_register;
  std::vector<v1::Partner> partner_register;
  std::vector<v1::Lane> lane_register;
  std::vector<v1::Partnership> partnership_register;

  // What the zones service must know of, for loading.
  std::vector<zones::v1::Enterprise> enterprise_register;
  std::vector<zones::v1::Platform> platform_register;

 private:
  void MakeLanes(const StreamWorldOptions& options);
  void MakePartnerships();
  void MakeZones(const StreamWorldOptions& options);
};

}  // namespace caravan::logistics::testing
