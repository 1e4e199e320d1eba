#include "services/logistics/testing/stream_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "services/common/codes/codes.h"

namespace caravan::logistics::testing {
namespace {

using Status = TrackingStatus;
using Reason = TrackingReason;
using v1::Lane;
using v1::ServiceStandard;

constexpr StreamCode k17Track[] = {
    {Status::kInfoReceived, Reason::kNone, "InfoReceived"},
    {Status::kPickedUp, Reason::kNone, "InTransit_PickedUp"},
    {Status::kInTransit, Reason::kNone, "InTransit_Other"},
    {Status::kDepartedOrigin, Reason::kNone, "InTransit_Departure"},
    {Status::kArrivedDestination, Reason::kNone, "InTransit_Arrival"},
    {Status::kCustomsHeld, Reason::kNone, "InTransit_CustomsProcessing"},
    {Status::kCustomsHeld, Reason::kCustoms, "InTransit_CustomsRequiringInformation"},
    {Status::kCustomsReleased, Reason::kNone, "InTransit_CustomsReleased"},
    {Status::kOutForDelivery, Reason::kNone, "OutForDelivery_Other"},
    {Status::kAvailableForPickup, Reason::kNone, "AvailableForPickup_Other"},
    {Status::kDeliveryFailed, Reason::kNobody, "DeliveryFailure_NoBody"},
    {Status::kDeliveryFailed, Reason::kRefused, "DeliveryFailure_Rejected"},
    {Status::kDeliveryFailed, Reason::kAddress, "DeliveryFailure_InvalidAddress"},
    {Status::kDeliveryFailed, Reason::kSecurity, "DeliveryFailure_Security"},
    {Status::kDeliveryFailed, Reason::kNone, "DeliveryFailure_Other"},
    {Status::kDelivered, Reason::kNone, "Delivered_Other"},
    {Status::kReturning, Reason::kNone, "Exception_Returning"},
    {Status::kReturned, Reason::kNone, "Exception_Returned"},
    {Status::kUnknown, Reason::kNone, "Expired_Other"},
};

constexpr StreamCode kUpu[] = {
    {Status::kPickedUp, Reason::kNone, "EMA"},
    {Status::kInTransit, Reason::kNone, "EMB"},
    {Status::kDepartedOrigin, Reason::kNone, "EMC"},
    {Status::kArrivedDestination, Reason::kNone, "EMD"},
    {Status::kCustomsHeld, Reason::kNone, "EDB"},
    {Status::kCustomsReleased, Reason::kNone, "EDC"},
    {Status::kArrivedDeliveryHub, Reason::kNone, "EMG"},
    {Status::kOutForDelivery, Reason::kNone, "EDG"},
    {Status::kAvailableForPickup, Reason::kNone, "EDH"},
    {Status::kDeliveryFailed, Reason::kNone, "EMH"},
    {Status::kDelivered, Reason::kNone, "EMI"},
};

constexpr StreamCode kAftership[] = {
    {Status::kInfoReceived, Reason::kNone, "InfoReceived"},
    {Status::kInTransit, Reason::kNone, "InTransit"},
    {Status::kCustomsHeld, Reason::kNone, "Exception_004"},
    {Status::kOutForDelivery, Reason::kNone, "OutForDelivery"},
    {Status::kAvailableForPickup, Reason::kNone, "AvailableForPickup"},
    {Status::kDeliveryFailed, Reason::kNone, "AttemptFail"},
    {Status::kException, Reason::kNone, "Exception"},
    {Status::kDamaged, Reason::kNone, "Exception_012"},
    {Status::kDelivered, Reason::kNone, "Delivered"},
    {Status::kReturning, Reason::kNone, "Exception_010"},
    {Status::kReturned, Reason::kNone, "Exception_011"},
    {Status::kLost, Reason::kNone, "Exception_013"},
    {Status::kUnknown, Reason::kNone, "Expired"},
};

constexpr StreamCode kEasypost[] = {
    {Status::kInfoReceived, Reason::kNone, "pre_transit"},
    {Status::kInTransit, Reason::kNone, "in_transit"},
    {Status::kOutForDelivery, Reason::kNone, "out_for_delivery"},
    {Status::kAvailableForPickup, Reason::kNone, "available_for_pickup"},
    {Status::kException, Reason::kNone, "failure"},
    {Status::kDelivered, Reason::kNone, "delivered"},
    {Status::kReturning, Reason::kNone, "return_to_sender"},
    {Status::kCancelled, Reason::kNone, "cancelled"},
    {Status::kUnknown, Reason::kNone, "unknown"},
};

constexpr StreamOrigin kOrigins[] = {
    {"hangzhou", "Hangzhou", "CN-ZJ"},   {"shenzhen", "Shenzhen", "CN-GD"},
    {"guangzhou", "Guangzhou", "CN-GD"}, {"yiwu", "Yiwu", "CN-ZJ"},
    {"ningbo", "Ningbo", "CN-ZJ"},       {"zhengzhou", "Zhengzhou", "CN-HA"},
    {"xian", "Xi'an", "CN-SN"},          {"urumqi", "Urumqi", "CN-XJ"},
};

struct KnownPlace {
  std::string_view country;
  std::string_view zone;
  std::string_view port;
  std::array<std::string_view, 3> cities;
  std::string_view postal_form;
};

constexpr KnownPlace kPlaces[] = {
    {"DE", "Europe/Berlin", "Leipzig", {"Berlin", "Köln", "München"}, "#####"},
    {"FR", "Europe/Paris", "Paris CDG", {"Paris", "Lyon", "Lille"}, "#####"},
    {"GB", "Europe/London", "Heathrow", {"London", "Leeds", "Glasgow"}, "AA# #AA"},
    {"US", "America/New_York", "New York JFK", {"Newark", "Boston", "Atlanta"}, "1####"},
    {"US", "America/Los_Angeles", "Los Angeles", {"San Diego", "Fresno", "Oakland"}, "9####"},
    {"BR", "America/Sao_Paulo", "São Paulo", {"Campinas", "Curitiba", "Recife"}, "#####-###"},
    {"MX", "America/Mexico_City", "Ciudad de México", {"Puebla", "León", "Toluca"}, "#####"},
    {"PL", "Europe/Warsaw", "Małaszewicze", {"Warszawa", "Łódź", "Gdańsk"}, "##-###"},
    {"SA", "Asia/Riyadh", "Riyadh", {"Jeddah", "Dammam", "Medina"}, "#####"},
    {"JP", "Asia/Tokyo", "Osaka", {"Tokyo", "Nagoya", "Kobe"}, "###-####"},
    {"KZ", "Asia/Almaty", "Khorgos", {"Almaty", "Astana", "Shymkent"}, "######"},
};

constexpr StreamCarrier kCarriers[] = {
    // Line-haul companies.
    {.id = "silkwing",
     .title = "Silkwing Air Cargo",
     .country = "CN",
     .vocabulary = "17track",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kLong,
     .missing = 12,
     .late = 30},
    {.id = "pearl-air",
     .title = "Pearl Air Logistics",
     .country = "CN",
     .vocabulary = "17track",
     .time_rule = "+08:00",
     .clock = ClockForm::kHomeOffice,
     .missing = 30,
     .late = 60},
    {.id = "meridian-express",
     .title = "Meridian Express",
     .country = "CN",
     .vocabulary = "17track",
     .clock = ClockForm::kOffset,
     .missing = 5,
     .late = 10},
    {.id = "postal-export",
     .title = "Postal Export Service",
     .country = "CN",
     .vocabulary = "upu",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kPostal,
     .gives_ids = false,
     .missing = 25,
     .late = 70},
    {.id = "harbour-line",
     .title = "Harbour Line Shipping",
     .country = "CN",
     .vocabulary = "aftership",
     .time_rule = "Asia/Shanghai",
     .clock = ClockForm::kHomeOffice,
     .numbers = NumberForm::kLong,
     .missing = 40,
     .late = 90},
    {.id = "steppe-rail",
     .title = "Steppe Rail Express",
     .country = "CN",
     .vocabulary = "17track",
     .clock = ClockForm::kOffset,
     .missing = 20,
     .late = 80},
    // Couriers.
    {.id = "rhein-paket",
     .title = "Rhein Paket",
     .country = "DE",
     .vocabulary = "upu",
     .clock = ClockForm::kBare,
     .numbers = NumberForm::kPostal,
     .missing = 8,
     .failing = 60},
    {.id = "nordkurier",
     .title = "Nordkurier",
     .country = "DE",
     .vocabulary = "17track",
     .clock = ClockForm::kOffset,
     .missing = 25,
     .failing = 95,
     .pace = 1150},
    {.id = "seine-colis",
     .title = "Seine Colis",
     .country = "FR",
     .vocabulary = "upu",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kPostal,
     .gives_ids = false,
     .failing = 85},
    {.id = "hexa-livraison",
     .title = "Hexa Livraison",
     .country = "FR",
     .vocabulary = "aftership",
     .clock = ClockForm::kBare,
     .missing = 35,
     .failing = 110,
     .pace = 1200},
    {.id = "albion-parcels",
     .title = "Albion Parcels",
     .country = "GB",
     .vocabulary = "upu",
     .clock = ClockForm::kOffset,
     .numbers = NumberForm::kPostal,
     .failing = 70},
    {.id = "thames-couriers",
     .title = "Thames Couriers",
     .country = "GB",
     .vocabulary = "17track",
     .clock = ClockForm::kBare,
     .failing = 75,
     .pace = 1020},
    {.id = "liberty-post",
     .title = "Liberty Post",
     .country = "US",
     .vocabulary = "upu",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kPostal,
     .missing = 10,
     .failing = 50},
    {.id = "prairie-express",
     .title = "Prairie Express",
     .country = "US",
     .vocabulary = "easypost",
     .clock = ClockForm::kUtc,
     .failing = 45,
     .pace = 900},
    {.id = "ipe-entregas",
     .title = "Ipê Entregas",
     .country = "BR",
     .vocabulary = "upu",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kPostal,
     .missing = 30,
     .late = 120,
     .failing = 140,
     .pace = 1500},
    {.id = "correio-veloz",
     .title = "Correio Veloz",
     .country = "BR",
     .vocabulary = "17track",
     .time_rule = "America/Sao_Paulo",
     .clock = ClockForm::kHomeOffice,
     .failing = 120,
     .pace = 1300},
    {.id = "azteca-envios",
     .title = "Azteca Envíos",
     .country = "MX",
     .vocabulary = "17track",
     .clock = ClockForm::kBare,
     .missing = 40,
     .failing = 130,
     .pace = 1400},
    {.id = "wisla-kurier",
     .title = "Wisła Kurier",
     .country = "PL",
     .vocabulary = "upu",
     .clock = ClockForm::kOffset,
     .numbers = NumberForm::kPostal,
     .failing = 65},
    {.id = "paczka-teraz",
     .title = "Paczka Teraz",
     .country = "PL",
     .vocabulary = "aftership",
     .clock = ClockForm::kOffset,
     .failing = 40,
     .pace = 850},
    {.id = "najd-delivery",
     .title = "Najd Delivery",
     .country = "SA",
     .vocabulary = "17track",
     .clock = ClockForm::kPlace,
     .gives_ids = false,
     .failing = 180,
     .pace = 1300},
    {.id = "fuji-takuhai",
     .title = "Fuji Takuhai",
     .country = "JP",
     .vocabulary = "upu",
     .clock = ClockForm::kOffset,
     .numbers = NumberForm::kPostal,
     .missing = 2,
     .late = 5,
     .failing = 150,
     .pace = 700},
    {.id = "almaty-post",
     .title = "Almaty Post",
     .country = "KZ",
     .vocabulary = "upu",
     .clock = ClockForm::kPlace,
     .numbers = NumberForm::kPostal,
     .missing = 45,
     .late = 100,
     .failing = 90,
     .pace = 1250},
};

// From an origin to a place.
struct KnownLane {
  std::string_view origin;
  std::string_view zone;
  Lane::Mode mode;
  uint32_t weight;
};

constexpr KnownLane kLanes[] = {
    {"hangzhou", "Europe/Berlin", Lane::AIR, 12},
    {"hangzhou", "Europe/Paris", Lane::AIR, 8},
    {"hangzhou", "Europe/London", Lane::AIR, 8},
    {"hangzhou", "America/New_York", Lane::EXPRESS, 5},
    {"hangzhou", "America/Los_Angeles", Lane::AIR, 12},
    {"shenzhen", "Europe/Berlin", Lane::AIR, 7},
    {"shenzhen", "Europe/London", Lane::AIR, 6},
    {"shenzhen", "America/Los_Angeles", Lane::AIR, 10},
    {"shenzhen", "America/Sao_Paulo", Lane::POST, 6},
    {"shenzhen", "America/Mexico_City", Lane::AIR, 5},
    {"shenzhen", "Asia/Tokyo", Lane::EXPRESS, 4},
    {"guangzhou", "America/New_York", Lane::SEA, 4},
    {"guangzhou", "Europe/Paris", Lane::POST, 5},
    {"guangzhou", "Asia/Riyadh", Lane::AIR, 4},
    {"yiwu", "Europe/Warsaw", Lane::RAIL, 5},
    {"yiwu", "America/Sao_Paulo", Lane::POST, 5},
    {"ningbo", "Asia/Tokyo", Lane::SEA, 3},
    {"ningbo", "Europe/London", Lane::SEA, 3},
    {"zhengzhou", "Europe/Berlin", Lane::RAIL, 3},
    {"xian", "Europe/Warsaw", Lane::RAIL, 3},
    {"urumqi", "Asia/Almaty", Lane::ROAD, 4},
};

absl::Span<const std::string_view> LineHaulsOf(Lane::Mode mode) {
  static constexpr std::string_view kAir[] = {"silkwing", "pearl-air"};
  static constexpr std::string_view kExpress[] = {"meridian-express"};
  static constexpr std::string_view kPost[] = {"postal-export"};
  static constexpr std::string_view kSea[] = {"harbour-line"};
  static constexpr std::string_view kLand[] = {"steppe-rail"};
  switch (mode) {
    case Lane::AIR:
      return kAir;
    case Lane::EXPRESS:
      return kExpress;
    case Lane::POST:
      return kPost;
    case Lane::SEA:
      return kSea;
    default:
      return kLand;
  }
}

// Where the postal codes of a lane begin; only a country with two time zones is
// divided.
std::string_view PostalAreaOf(std::string_view zone) {
  if (zone == "America/New_York") return "1";
  if (zone == "America/Los_Angeles") return "9";
  return "";
}

google::type::Date Date(int year, int month, int day) {
  google::type::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

v1::WorkingCalendar CalendarOf(std::string_view country) {
  v1::WorkingCalendar calendar;
  const std::string id = absl::AsciiStrToLower(country);
  calendar.set_name("workingCalendars/" + id);
  calendar.set_display_name(absl::StrCat("Working days of ", country, " (excerpt)"));
  calendar.set_country(std::string(country));
  if (country == "SA") {
    for (const auto day :
         {v1::WorkingCalendar::SUNDAY, v1::WorkingCalendar::MONDAY, v1::WorkingCalendar::TUESDAY,
          v1::WorkingCalendar::WEDNESDAY, v1::WorkingCalendar::THURSDAY}) {
      calendar.add_weekdays(day);
    }
    *calendar.add_holidays() = Date(2024, 9, 23);
    *calendar.add_holidays() = Date(2025, 9, 23);
    return calendar;
  }
  for (const auto day :
       {v1::WorkingCalendar::MONDAY, v1::WorkingCalendar::TUESDAY, v1::WorkingCalendar::WEDNESDAY,
        v1::WorkingCalendar::THURSDAY, v1::WorkingCalendar::FRIDAY}) {
    calendar.add_weekdays(day);
  }
  for (const int year : {2024, 2025}) {
    *calendar.add_holidays() = Date(year, 1, 1);
    if (country != "JP" && country != "KZ") *calendar.add_holidays() = Date(year, 12, 25);
    if (country == "DE") *calendar.add_holidays() = Date(year, 10, 3);
    if (country == "FR" || country == "PL") *calendar.add_holidays() = Date(year, 11, 11);
    if (country == "US") *calendar.add_holidays() = Date(year, 7, 4);
    if (country == "BR") *calendar.add_holidays() = Date(year, 11, 15);
    if (country == "JP") *calendar.add_holidays() = Date(year, 11, 3);
    if (country == "KZ") *calendar.add_holidays() = Date(year, 12, 16);
  }
  if (country == "JP") *calendar.add_extra_days() = Date(2024, 12, 28);
  return calendar;
}

ServiceStandard StandardOf(Lane::Mode mode, std::string_view country) {
  ServiceStandard standard;
  const auto set = [&](ServiceStandard::Milestone start, int duration, ServiceStandard::Unit unit,
                       ServiceStandard::DeadlineKind kind) {
    standard.set_start(start);
    standard.set_duration(duration);
    standard.set_unit(unit);
    standard.set_deadline_kind(kind);
    if (unit == ServiceStandard::WORKING_DAYS) {
      standard.set_calendar("workingCalendars/" + absl::AsciiStrToLower(country));
    }
  };
  switch (mode) {
    case Lane::EXPRESS:
      set(ServiceStandard::HAND_OVER, 120, ServiceStandard::HOURS, ServiceStandard::INSTANT);
      standard.set_information_limit_hours(4);
      break;
    case Lane::SEA:
      set(ServiceStandard::HUB, 3, ServiceStandard::WORKING_DAYS, ServiceStandard::LOCAL_DATE);
      break;
    case Lane::POST:
      set(ServiceStandard::ARRIVAL, 192, ServiceStandard::HOURS, ServiceStandard::LOCAL_DATE);
      break;
    case Lane::AIR:
      set(ServiceStandard::HAND_OVER, 7, ServiceStandard::WORKING_DAYS,
          ServiceStandard::LOCAL_DATE);
      standard.add_expected_scans(ServiceStandard::DEPARTURE);
      standard.add_expected_scans(ServiceStandard::RELEASE);
      standard.set_information_limit_hours(12);
      break;
    default:
      set(ServiceStandard::ARRIVAL, 4, ServiceStandard::WORKING_DAYS, ServiceStandard::INSTANT);
      standard.add_expected_scans(ServiceStandard::OUT_FOR_DELIVERY);
  }
  return standard;
}

void AddTerms(std::string_view country, v1::Partnership& partnership) {
  v1::Target& on_time = *partnership.add_targets();
  on_time.set_rate(v1::ON_TIME);
  on_time.set_bound("0.92");
  v1::Target& first_attempt = *partnership.add_targets();
  first_attempt.set_rate(v1::FIRST_ATTEMPT);
  first_attempt.set_bound("0.9");
  v1::Target& loss = *partnership.add_targets();
  loss.set_rate(v1::LOSS);
  loss.set_bound("0.005");
  v1::Target& last_mile = *partnership.add_targets();
  last_mile.set_leg(v1::LAST_MILE);
  last_mile.set_percent(90);
  last_mile.set_limit_seconds(4 * 86'400);
  partnership.set_at_risk_after(2);
  partnership.set_dispute_window_days(10);
  v1::PaymentScale& scale = *partnership.mutable_payment_scale();
  scale.set_rate(v1::ON_TIME);
  scale.set_base_factor("0.95");
  for (const auto& [from, factor] : {std::pair("0.95", "1"), std::pair("0.98", "1.03")}) {
    auto& tier = *scale.add_tiers();
    tier.set_from(from);
    tier.set_factor(factor);
  }
  const auto exclude = [&](std::vector<std::string> areas, const char* reason) {
    auto& exclusion = *partnership.add_exclusions();
    for (std::string& area : areas) exclusion.add_postal_areas(std::move(area));
    exclusion.set_reason(reason);
  };
  if (country == "DE") exclude({"274", "259"}, "Islands.");
  if (country == "GB") exclude({"HS", "ZE", "KW"}, "Islands and the far north.");
  if (country == "US") exclude({"995", "996", "997"}, "Alaska.");
  if (country == "JP") exclude({"90", "100"}, "Okinawa and outlying islands.");
}

template <class Items, class Matches>
size_t IndexOf(const Items& items, Matches matches) {
  return static_cast<size_t>(std::find_if(items.begin(), items.end(), matches) - items.begin());
}

std::string CreditCode(int number) {
  std::string code = absl::StrFormat("91330100%09d", number);
  code += *codes::CreditCodeCheckCharacter(code);
  return absl::AsciiStrToLower(code);
}

}  // namespace

absl::Span<const StreamCode> StreamCodesOf(std::string_view vocabulary) {
  if (vocabulary == "17track") return k17Track;
  if (vocabulary == "upu") return kUpu;
  if (vocabulary == "aftership") return kAftership;
  return kEasypost;
}

StreamWorld::StreamWorld(const StreamWorldOptions& options) {
  origins.assign(std::begin(kOrigins), std::end(kOrigins));
  carriers.assign(std::begin(kCarriers), std::end(kCarriers));
  for (const KnownPlace& place : kPlaces) {
    absl::TimeZone zone;
    absl::LoadTimeZone(std::string(place.zone), &zone);
    places.push_back(
        {place.country, zone, place.zone, place.port, place.cities, place.postal_form});
    const bool known =
        std::any_of(calendar_register.begin(), calendar_register.end(),
                    [&](const auto& calendar) { return calendar.country() == place.country; });
    if (!known) calendar_register.push_back(CalendarOf(place.country));
  }
  for (const StreamCarrier& carrier : carriers) {
    v1::Partner& partner = partner_register.emplace_back();
    partner.set_name(absl::StrCat("partners/", carrier.id));
    partner.set_display_name(std::string(carrier.title));
    partner.add_kinds(carrier.country == "CN" ? v1::Partner::LINE_HAUL_COMPANY
                                              : v1::Partner::COURIER);
    partner.set_country(std::string(carrier.country));
    partner.set_tracking_vocabulary(absl::StrCat("trackingVocabularies/", carrier.vocabulary));
    partner.set_time_rule(std::string(carrier.time_rule));
  }
  MakeLanes(options);
  MakePartnerships();
  if (options.zones) MakeZones(options);
}

void StreamWorld::MakeLanes(const StreamWorldOptions& options) {
  for (const KnownLane& known : kLanes) {
    StreamLane& lane = lanes.emplace_back();
    lane.origin = IndexOf(origins, [&](const auto& origin) { return origin.zone == known.origin; });
    lane.destination =
        IndexOf(places, [&](const auto& place) { return place.zone_name == known.zone; });
    const StreamPlace& place = places[lane.destination];
    lane.postal_area = PostalAreaOf(known.zone);
    lane.mode = known.mode;
    lane.weight = known.weight;
    const std::string mode = absl::AsciiStrToLower(Lane::Mode_Name(known.mode));
    lane.id = absl::StrCat(known.origin, "-", absl::AsciiStrToLower(place.country),
                           lane.postal_area, "-", mode);
    v1::Lane& row = lane_register.emplace_back();
    row.set_name("lanes/" + lane.id);
    row.set_display_name(
        absl::StrCat(origins[lane.origin].title, " to ", place.port, " (", mode, ")"));
    if (options.zones) {
      row.set_pilot_zone(absl::StrCat("pilotZones/", known.origin));
    } else {
      row.set_province(std::string(origins[lane.origin].province));
    }
    row.set_destination_country(std::string(place.country));
    row.set_postal_area(std::string(lane.postal_area));
    row.set_mode(known.mode);
    row.set_time_zone(std::string(place.zone_name));
  }
}

void StreamWorld::MakePartnerships() {
  for (size_t l = 0; l < lanes.size(); ++l) {
    const StreamLane& lane = lanes[l];
    const std::string_view country = places[lane.destination].country;
    for (const std::string_view line_haul : LineHaulsOf(lane.mode)) {
      for (size_t c = 0; c < carriers.size(); ++c) {
        if (carriers[c].country != country) continue;
        const std::string id = absl::StrCat(line_haul, "-", carriers[c].id);
        size_t p = IndexOf(partnerships, [&](const auto& known) { return known.id == id; });
        if (p == partnerships.size()) {
          StreamPartnership& made = partnerships.emplace_back();
          made.id = id;
          made.line_haul =
              IndexOf(carriers, [&](const auto& carrier) { return carrier.id == line_haul; });
          made.courier = c;
          // The post keeps its numbers; so do couriers that have none of their own form.
          made.relabels = carriers[made.line_haul].numbers != NumberForm::kPostal && p % 4 != 3;
          v1::Partnership& row = partnership_register.emplace_back();
          row.set_name("partnerships/" + id);
          row.set_title(absl::StrCat(carriers[made.line_haul].title, " and ", carriers[c].title));
          row.set_line_haul_company(absl::StrCat("partners/", line_haul));
          row.set_courier(absl::StrCat("partners/", carriers[c].id));
          *row.mutable_start_date() = Date(2023, 1, 1);
          *row.mutable_end_date() = Date(2030, 1, 1);
          *row.add_standards() = StandardOf(lane.mode, country);
          AddTerms(country, row);
          row.set_state(v1::Partnership::ACTIVE);
        }
        partnerships[p].lanes.push_back(l);
        partnership_register[p].add_lanes("lanes/" + lane.id);
        if (partnerships[p].lanes.size() == 2 && lane.mode == Lane::AIR) {
          // One lane has a standard of its own.
          ServiceStandard& standard = *partnership_register[p].add_standards();
          standard = StandardOf(lane.mode, country);
          standard.set_lane("lanes/" + lane.id);
          standard.set_duration(8);
        }
        // The first line-haul company and the first courier of a lane have the most of it.
        const uint32_t share = line_haul == LineHaulsOf(lane.mode)[0] ? 3 : 1;
        routes.insert(routes.end(), lane.weight * share, {p, l});
      }
    }
  }
}

void StreamWorld::MakeZones(const StreamWorldOptions& options) {
  const auto add_enterprise = [&](int number, std::string title, zones::v1::Enterprise::Role role,
                                  const StreamOrigin& origin) {
    zones::v1::Enterprise& enterprise = enterprise_register.emplace_back();
    enterprise.set_name("enterprises/" + CreditCode(number));
    enterprise.set_display_name(std::move(title));
    enterprise.set_country("CN");
    enterprise.set_province(std::string(origin.province));
    enterprise.set_pilot_zone(absl::StrCat("pilotZones/", origin.zone));
    enterprise.add_roles(role);
    *enterprise.mutable_registration_date() = Date(2024, 1, 1);
    enterprise.set_state(zones::v1::Enterprise::ACTIVE);
    (*enterprise.mutable_labels())["synthetic"] = "true";
    return enterprise.name();
  };
  for (int i = 0; i < options.sellers; ++i) {
    sellers.push_back(add_enterprise(1000 + i, absl::StrCat("Seller ", i + 1, " Co., Ltd."),
                                     zones::v1::Enterprise::SELLER,
                                     origins[static_cast<size_t>(i) % origins.size()]));
  }
  static constexpr std::pair<std::string_view, std::string_view> kPlatforms[] = {
      {"silkmarket", "Silk Market"}, {"haomai", "Haomai"}, {"globalshelf", "Global Shelf"}};
  int number = 1;
  for (const auto& [id, title] : kPlatforms) {
    zones::v1::Platform& platform = platform_register.emplace_back();
    platform.set_name(absl::StrCat("platforms/", id));
    platform.set_display_name(std::string(title));
    platform.set_operator_(add_enterprise(number++, absl::StrCat(title, " Platform Co., Ltd."),
                                          zones::v1::Enterprise::PLATFORM_OPERATOR, origins[0]));
    platform.set_kind(zones::v1::Platform::B2C);
    *platform.mutable_registration_date() = Date(2024, 1, 1);
    platform.set_state(zones::v1::Platform::ACTIVE);
    platforms.push_back(platform.name());
  }
}

}  // namespace caravan::logistics::testing
