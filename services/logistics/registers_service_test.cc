// The registers of logistics and their reckonings through real servers: logistics, and
// zones beside it.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "caravan/api/v1/pending_actions.pb.h"
#include "caravan/logistics/v1/disputes.pb.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/reckonings.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "caravan/logistics/v1/warehouses.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/logistics/logistics.h"
#include "services/logistics/reckoning_close.h"
#include "services/zones/zones.h"

namespace caravan::logistics {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using caravan::testing::Permission;
using caravan::testing::TestServer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::Dispute;
using v1::Lane;
using v1::Partner;
using v1::Partnership;
using v1::Reckoning;

auto Refused(const char* reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

template <class T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// Months that the test measures.
class MadeUpScorecards : public ScorecardSource {
 public:
  absl::StatusOr<Scorecard> OfMonth(std::string_view, absl::CivilMonth month) override {
    absl::MutexLock lock(&mutex_);
    return months_[month];
  }
  absl::StatusOr<Scorecard> OfParcel(std::string_view, std::string_view parcel,
                                     absl::CivilMonth month) override {
    absl::MutexLock lock(&mutex_);
    const auto found = parcels_.find({month, std::string(parcel)});
    if (found == parcels_.end()) {
      return api::Error(StatusCode::kNotFound, "RESOURCE_NOT_FOUND", "there is no such parcel");
    }
    return found->second;
  }

  // Of 100 parcels due so many in time, in a month.
  void Set(absl::CivilMonth month, int on_time) {
    absl::MutexLock lock(&mutex_);
    Count(Measure::kHandedOver, 100, months_[month]);
    Count(Measure::kDue, 100, months_[month]);
    Count(Measure::kOnTime, on_time, months_[month]);
  }
  // A parcel of it that is due.
  void SetParcel(absl::CivilMonth month, const std::string& parcel, bool on_time) {
    absl::MutexLock lock(&mutex_);
    Scorecard& scorecard = parcels_[{month, parcel}];
    Count(Measure::kHandedOver, 1, scorecard);
    Count(Measure::kDue, 1, scorecard);
    Count(Measure::kOnTime, on_time, scorecard);
  }

 private:
  static void Count(Measure measure, int64_t count, Scorecard& scorecard) {
    scorecard.counts[static_cast<size_t>(measure)] = count;
  }

  absl::Mutex mutex_;
  std::map<absl::CivilMonth, Scorecard> months_;
  std::map<std::pair<absl::CivilMonth, std::string>, Scorecard> parcels_;
};

constexpr char kHauler[] = "users/hauler";
constexpr char kCourier[] = "users/courier";
constexpr char kMinistry[] = "users/ministry";

// What a partner may do; `users/firm` on an enterprise that is one.
std::vector<Permission> Permissions() {
  std::vector<Permission> all = {{"users/admin", "*"}, {kMinistry, "logistics.disputes.arbitrate"}};
  for (const char* permission :
       {"logistics.partners.get", "logistics.partners.list", "logistics.partnerships.get",
        "logistics.partnerships.list", "logistics.partnerships.create",
        "logistics.partnerships.update", "logistics.partnerships.sign", "logistics.reckonings.get",
        "logistics.reckonings.list", "logistics.reckonings.open", "logistics.reckonings.finalize",
        "logistics.disputes.get", "logistics.disputes.list", "logistics.disputes.create",
        "logistics.disputes.accept", "logistics.disputes.reject"}) {
    all.push_back({kHauler, permission, "partners/hauler"});
    all.push_back({kCourier, permission, "partners/courier"});
    all.push_back({"users/firm", permission, "enterprises/it-1"});
    all.push_back({"users/stranger", permission, "partners/other"});
  }
  return all;
}

class LogisticsRegistersTest : public ::testing::Test {
 protected:
  // Noon of 2024-07-02 at home.
  LogisticsRegistersTest()
      : clock_(absl::FromCivil(absl::CivilSecond(2024, 7, 2, 4), absl::UTCTimeZone())),
        scorecards_(std::make_shared<MadeUpScorecards>()) {
    zones_ = TestServer::Start({.definition = zones::ZonesDefinition(),
                                .access = caravan::testing::PolicyOf(
                                    {{"users/admin", "*"}, {"services/logistics", "*.*.get"}}),
                                .clock = clock_.AsFunction()});
    host::ServiceDefinition definition = LogisticsDefinition(scorecards_);
    definition.services = [this, services = definition.services](const host::Dependencies& all) {
      registry_ = &all.registry;
      store_ = &all.store;
      return services(all);
    };
    logistics_ = TestServer::Start({.definition = std::move(definition),
                                    .access = caravan::testing::PolicyOf(Permissions()),
                                    .clock = clock_.AsFunction(),
                                    .adjust = [this](settings::ServerSettings& settings) {
                                      settings.add_peer("zones=" + zones_->address());
                                    }});
    EXPECT_THAT((zones_->Call<zones::v1::Enterprise>(
                    "EnterpriseService/CreateEnterprise",
                    Parse<zones::v1::CreateEnterpriseRequest>(
                        "enterprise_id: 'it-1' enterprise { display_name: 'E' country: 'IT' "
                        "roles: COURIER }"))),
                IsOk());
    EXPECT_THAT(CreatePartner("hauler", "kinds: LINE_HAUL_COMPANY country: 'CN'"), IsOk());
    EXPECT_THAT(
        CreatePartner("courier", "kinds: COURIER country: 'IT' enterprise: 'enterprises/it-1'"),
        IsOk());
    EXPECT_THAT(CreatePartner("other", "kinds: OVERSEAS_WAREHOUSE_OPERATOR country: 'DE'"), IsOk());
    EXPECT_THAT(CreateLane("italy", ""), IsOk());
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(const std::string& method, const std::string& request,
                                const std::string& principal = "users/admin") {
    return logistics_->Call<Response>(method, Parse<Request>(request), {.principal = principal});
  }

  absl::StatusOr<Partner> CreatePartner(const std::string& id, const std::string& fields) {
    return Call<Partner, v1::CreatePartnerRequest>(
        "PartnerService/CreatePartner",
        absl::StrCat("partner_id: '", id, "' partner { display_name: '", id, "' ", fields, " }"));
  }
  absl::StatusOr<Lane> CreateLane(const std::string& id, const std::string& fields) {
    auto lane = Parse<Lane>(
        "display_name: 'L' province: 'CN-ZJ' destination_country: 'IT' mode: AIR "
        "time_zone: 'Europe/Rome'");
    lane.MergeFrom(Parse<Lane>(fields));
    return Call<Lane, v1::CreateLaneRequest>(
        "LaneService/CreateLane",
        absl::StrCat("lane_id: '", id, "' lane { ", lane.ShortDebugString(), " }"));
  }

  static std::string Draft(const std::string& more = "") {
    auto draft = Parse<Partnership>(
        "title: 'P' line_haul_company: 'partners/hauler' courier: 'partners/courier' "
        "lanes: 'lanes/italy' start_date { year: 2024 month: 5 day: 1 } "
        "end_date { year: 2025 month: 5 day: 1 } dispute_window_days: 10 "
        "standards { start: HAND_OVER duration: 240 unit: HOURS deadline_kind: INSTANT } "
        "targets { rate: ON_TIME bound: '0.95' } at_risk_after: 2 "
        "payment_scale { rate: ON_TIME base_factor: '0.95' tiers { from: '0.95' factor: '1' } "
        "  tiers { from: '0.98' factor: '1.03' } }");
    draft.MergeFrom(Parse<Partnership>(more));
    return draft.ShortDebugString();
  }
  absl::StatusOr<Partnership> CreatePartnership(const std::string& fields,
                                                const std::string& principal = kHauler) {
    return Call<Partnership, v1::CreatePartnershipRequest>(
        "PartnershipService/CreatePartnership",
        absl::StrCat("partnership_id: 'p' partnership { ", fields, " }"), principal);
  }
  template <class Request>
  absl::StatusOr<Partnership> Step(const std::string& verb,
                                   const std::string& principal = "users/admin",
                                   const std::string& more = "") {
    return Call<Partnership, Request>(absl::StrCat("PartnershipService/", verb, "Partnership"),
                                      absl::StrCat("name: 'partnerships/p' ", more), principal);
  }
  absl::StatusOr<Partnership> GetPartnership() { return Step<v1::GetPartnershipRequest>("Get"); }
  // A partnership that is ACTIVE.
  void Begin(const std::string& more = "") {
    ASSERT_THAT(CreatePartnership(Draft(more)), IsOk());
    ASSERT_THAT(Step<v1::SignPartnershipRequest>("Sign", kCourier), IsOk());
    ASSERT_THAT(Step<v1::ActivatePartnershipRequest>("Activate"), IsOk());
  }

  static std::string NameOf(const std::string& month) {
    return "partnerships/p/reckonings/" + month;
  }
  absl::StatusOr<Reckoning> Open(const std::string& month, const std::string& principal = kHauler) {
    return Call<Reckoning, v1::OpenReckoningRequest>(
        "ReckoningService/OpenReckoning",
        absl::StrCat("parent: 'partnerships/p' reckoning_id: '", month, "'"), principal);
  }
  absl::StatusOr<Reckoning> Finalize(const std::string& month) {
    return Call<Reckoning, v1::FinalizeReckoningRequest>(
        "ReckoningService/FinalizeReckoning", absl::StrCat("name: '", NameOf(month), "'"));
  }
  absl::StatusOr<Reckoning> GetReckoning(const std::string& month) {
    return Call<Reckoning, v1::GetReckoningRequest>("ReckoningService/GetReckoning",
                                                    absl::StrCat("name: '", NameOf(month), "'"));
  }
  absl::StatusOr<Dispute> File(const std::string& month, const std::string& id,
                               const std::string& claims, const std::string& principal = kCourier) {
    return Call<Dispute, v1::CreateDisputeRequest>(
        "DisputeService/CreateDispute",
        absl::StrCat("parent: '", NameOf(month), "' dispute_id: '", id,
                     "' dispute { party: ", principal == kHauler ? "LINE_HAUL_COMPANY" : "COURIER",
                     " statement: 'S' ", claims, " }"),
        principal);
  }
  template <class Request>
  absl::StatusOr<Dispute> Answer(const std::string& verb, const std::string& id,
                                 const std::string& principal = kHauler,
                                 const std::string& more = "answer: 'A'") {
    return Call<Dispute, Request>(
        absl::StrCat("DisputeService/", verb, "Dispute"),
        absl::StrCat("name: '", NameOf("2024-05"), "/disputes/", id, "' ", more), principal);
  }

  void Pass(int days) { clock_.Advance(absl::Hours(24 * days)); }

  caravan::testing::TestClock clock_;
  const std::shared_ptr<MadeUpScorecards> scorecards_;
  std::unique_ptr<TestServer> zones_;
  const resources::Registry* registry_ = nullptr;
  store::Store* store_ = nullptr;
  std::unique_ptr<TestServer> logistics_;
};

const absl::CivilMonth kMay(2024, 5), kJune(2024, 6), kJuly(2024, 7);

std::string OnTime(const std::string& parcel, bool counted = true) {
  return absl::StrCat("claims { parcel: 'parcels/", parcel,
                      "' measure: ON_TIME counted: ", counted ? "true" : "false", " } ");
}

std::vector<std::string> Changes(const Reckoning::Adjustment& adjustment) {
  std::vector<std::string> changes;
  for (const auto& change : adjustment.changes()) {
    changes.push_back(absl::StrCat(change.measure(), " ", change.before(), " ", change.after()));
  }
  return changes;
}

TEST_F(LogisticsRegistersTest, PartnersHaveATimeRuleThatIsOne) {
  EXPECT_THAT(CreatePartner("x", "kinds: COURIER country: 'IT' time_rule: 'Mars'"),
              Invalid({"partner.time_rule"}));
  EXPECT_THAT(CreatePartner("x", "country: 'IT'"), Invalid({"partner.kinds"}));
  EXPECT_THAT(CreatePartner("x", "kinds: COURIER country: 'IT' time_rule: '+02:00'"), IsOk());
  EXPECT_THAT(CreatePartner("y", "kinds: COURIER country: 'IT' enterprise: 'enterprises/it-2'"),
              Fails(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND"));
}

TEST_F(LogisticsRegistersTest, APartnerIsSeenByItselfThroughItsEnterpriseToo) {
  const auto list = [&](const char* principal) {
    std::vector<std::string> names;
    auto partners = Call<v1::ListPartnersResponse, v1::ListPartnersRequest>(
        "PartnerService/ListPartners", "", principal);
    EXPECT_THAT(partners, IsOk());
    if (!partners.ok()) return names;
    for (const Partner& partner : partners->partners()) names.push_back(partner.name());
    return names;
  };
  EXPECT_THAT(list(kHauler), ElementsAre("partners/hauler"));
  EXPECT_THAT(list(kCourier), ElementsAre("partners/courier"));
  EXPECT_THAT(list("users/firm"), ElementsAre("partners/courier"));
  EXPECT_THAT(list("users/admin"), SizeIs(3));
}

TEST_F(LogisticsRegistersTest, LanesLeadFromOneOriginAbroad) {
  EXPECT_THAT(CreateLane("x", "pilot_zone: 'pilotZones/hangzhou'"), Invalid({"lane.pilot_zone"}));
  EXPECT_THAT(CreateLane("x", "destination_country: 'CN' time_zone: 'Europe/Atlantis'"),
              Invalid({"lane.destination_country", "lane.time_zone"}));
  EXPECT_THAT((Call<Lane, v1::UpdateLaneRequest>("LaneService/UpdateLane",
                                                 "lane { name: 'lanes/italy' time_zone: 'UTC' }")),
              Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
}

TEST_F(LogisticsRegistersTest, WarehousesCalendarsAndVocabularies) {
  const auto warehouse = [&](const std::string& fields) {
    return Call<v1::Warehouse, v1::CreateWarehouseRequest>(
        "WarehouseService/CreateWarehouse",
        absl::StrCat("warehouse_id: 'w' warehouse { display_name: 'W' place: 'Bremen' "
                     "area_square_meters: 900 ",
                     fields, " }"));
  };
  EXPECT_THAT(warehouse("operator: 'partners/courier' country: 'DE'"),
              Invalid({"warehouse.operator"}));
  EXPECT_THAT(warehouse("operator: 'partners/other' country: 'CN' open_date { year: 2024 } "
                        "close_date { year: 2023 }"),
              Invalid({"warehouse.country", "warehouse.close_date"}));
  EXPECT_THAT(warehouse("operator: 'partners/other' country: 'DE' open_date { year: 2024 }"),
              IsOk());

  const auto calendar = [&](const std::string& fields) {
    return Call<v1::WorkingCalendar, v1::CreateWorkingCalendarRequest>(
        "WorkingCalendarService/CreateWorkingCalendar",
        absl::StrCat("working_calendar_id: 'c' working_calendar { display_name: 'C' ", fields,
                     " }"));
  };
  EXPECT_THAT(calendar("weekdays: MONDAY holidays { year: 2024 month: 5 } "
                       "extra_days { year: 2024 month: 5 day: 1 }"),
              Invalid({"working_calendar.holidays[0]", "working_calendar.extra_days[0]"}));
  EXPECT_THAT(calendar("weekdays: MONDAY holidays { year: 2024 month: 5 day: 1 }"), IsOk());

  const auto vocabulary = [&](const std::string& fields) {
    return Call<v1::TrackingVocabulary, v1::CreateTrackingVocabularyRequest>(
        "TrackingVocabularyService/CreateTrackingVocabulary",
        absl::StrCat("tracking_vocabulary_id: 'v' tracking_vocabulary { display_name: 'V' ", fields,
                     " }"));
  };
  EXPECT_THAT(vocabulary("time_rule: 'UTC' codes { code: 'a' status: DELIVERED } "
                         "codes { code: 'a' status: LOST }"),
              Invalid({"tracking_vocabulary.codes[1].code"}));
  EXPECT_THAT(vocabulary("time_rule: 'PLACE' codes { code: 'a' status: DELIVERED }"), IsOk());
}

TEST_F(LogisticsRegistersTest, TermsOfAPartnershipMakeSense) {
  EXPECT_THAT(CreatePartnership(Draft("standards { lane: 'lanes/other' start: DELIVERY duration: 1 "
                                      "unit: WORKING_DAYS deadline_kind: INSTANT } ")),
              Invalid({"partnership.standards[1].lane", "partnership.standards[1].start",
                       "partnership.standards[1].calendar"}));
  EXPECT_THAT(CreatePartnership(Draft("standards { start: HUB duration: 1 unit: HOURS "
                                      "deadline_kind: LOCAL_DATE } exclusions { reason: 'R' } "
                                      "targets { leg: LAST_MILE percent: 90 bound: '1' } "
                                      "targets { } payment_scale { tiers { from: '0.9' "
                                      "factor: '2' } }")),
              Invalid({"partnership.standards[1].lane", "partnership.exclusions[0]",
                       "partnership.targets[1].bound", "partnership.targets[1].limit_seconds",
                       "partnership.targets[2]", "partnership.payment_scale.tiers[2].from"}));
  EXPECT_THAT(CreatePartnership(Draft("end_date { year: 2024 month: 4 day: 1 }")),
              Invalid({"partnership.end_date"}));
  EXPECT_THAT(CreatePartnership(Draft("line_haul_company: 'partners/other'"), "users/admin"),
              Invalid({"partnership.line_haul_company"}));
  EXPECT_THAT(CreatePartnership(Draft(), "users/stranger"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_F(LogisticsRegistersTest, WhatOneSideDraftsTheOtherSigns) {
  ASSERT_THAT(CreatePartnership(Draft()), IsOk());
  EXPECT_THAT(Step<v1::SignPartnershipRequest>("Sign", kHauler), Refused("FOUR_EYES"));
  const auto update = [&](const std::string& fields, const char* principal) {
    return Call<Partnership, v1::UpdatePartnershipRequest>(
        "PartnershipService/UpdatePartnership",
        absl::StrCat("partnership { name: 'partnerships/p' ", fields, " }"), principal);
  };
  // Whoever changes the terms has drafted them.
  ASSERT_THAT(update("dispute_window_days: 12", kCourier), IsOk());
  EXPECT_THAT(Step<v1::SignPartnershipRequest>("Sign", kCourier), Refused("FOUR_EYES"));
  ASSERT_THAT(update("title: 'Q'", kCourier), IsOk());
  EXPECT_THAT(Step<v1::SignPartnershipRequest>("Sign", kHauler), IsOk());
  EXPECT_THAT(update("dispute_window_days: 11", kCourier), Refused("TERMS_IN_FORCE"));
  EXPECT_THAT(update("title: 'R'", kCourier), IsOk());
  EXPECT_THAT((Step<v1::DeletePartnershipRequest>("Delete")), Refused("NOT_DRAFT"));
}

TEST_F(LogisticsRegistersTest, ThePartnershipsCourse) {
  ASSERT_THAT(CreatePartnership(Draft("end_date { year: 2024 month: 8 day: 1 }")), IsOk());
  const auto partner = [&](const char* verb, const std::string& more = "") {
    return Call<Partner, v1::SuspendPartnerRequest>(
        absl::StrCat("PartnerService/", verb, "Partner"), "name: 'partners/courier'" + more);
  };
  ASSERT_THAT(partner("Suspend"), IsOk());
  EXPECT_THAT(Step<v1::SignPartnershipRequest>("Sign"), Refused("PARTNER_NOT_ACTIVE"));
  ASSERT_THAT((Call<Partner, v1::ReinstatePartnerRequest>("PartnerService/ReinstatePartner",
                                                          "name: 'partners/courier'")),
              IsOk());
  EXPECT_THAT(Step<v1::ActivatePartnershipRequest>("Activate"), Refused("ILLEGAL_TRANSITION"));
  ASSERT_THAT(Step<v1::SignPartnershipRequest>("Sign"), IsOk());
  ASSERT_THAT(Step<v1::ActivatePartnershipRequest>("Activate"), IsOk());
  ASSERT_THAT(
      Step<v1::MarkAtRiskPartnershipRequest>("MarkAtRisk", "users/admin", "state_reason: 'R'"),
      IsOk());
  ASSERT_THAT(Step<v1::RecoverPartnershipRequest>("Recover", "users/admin", "state_reason: 'R'"),
              IsOk());
  ASSERT_THAT(Step<v1::SuspendPartnershipRequest>("Suspend", "users/admin", "state_reason: 'R'"),
              IsOk());
  EXPECT_THAT((Call<Partner, v1::ClosePartnerRequest>("PartnerService/ClosePartner",
                                                      "name: 'partners/courier'")),
              Refused("PARTNERSHIPS_OPEN"));
  EXPECT_THAT(Step<v1::ExpirePartnershipRequest>("Expire"), Refused("PARTNERSHIP_NOT_OVER"));
  Pass(30);
  EXPECT_THAT(Step<v1::ResumePartnershipRequest>("Resume", "users/admin", "state_reason: 'R'"),
              Refused("PARTNERSHIP_OVER"));
  EXPECT_THAT(Step<v1::ExpirePartnershipRequest>("Expire"), IsOk());
  EXPECT_THAT((Call<Partner, v1::ClosePartnerRequest>("PartnerService/ClosePartner",
                                                      "name: 'partners/courier'")),
              IsOk());
}

TEST_F(LogisticsRegistersTest, ExclusionsAreAddedOnceItIsSigned) {
  ASSERT_THAT(CreatePartnership(Draft()), IsOk());
  const auto exclude = [&](const std::string& fields) {
    return Call<Partnership, v1::AddExclusionRequest>(
        "PartnershipService/AddExclusion",
        absl::StrCat("name: 'partnerships/p' exclusion { reason: 'Strike' ", fields, " }"));
  };
  const std::string days =
      "start_date { year: 2024 month: 7 day: 1 } end_date { year: 2024 month: 7 day: 5 }";
  EXPECT_THAT(exclude(days), Refused("NOT_SIGNED"));
  ASSERT_THAT(Step<v1::SignPartnershipRequest>("Sign"), IsOk());
  EXPECT_THAT(exclude(""), Invalid({"exclusions[0]"}));
  auto partnership = exclude(days);
  ASSERT_THAT(partnership, IsOk());
  EXPECT_EQ(partnership->exclusions(0).reason(), "Strike");
  ASSERT_THAT(
      Step<v1::TerminatePartnershipRequest>("Terminate", "users/admin", "state_reason: 'R'"),
      IsOk());
  EXPECT_THAT(exclude(days), Refused("PARTNERSHIP_ENDED"));
}

TEST_F(LogisticsRegistersTest, MonthsAreOpenedInTheirOrder) {
  ASSERT_THAT(CreatePartnership(Draft()), IsOk());
  EXPECT_THAT(Open("2024-05"), Refused("NOT_SIGNED"));
  ASSERT_THAT(Step<v1::SignPartnershipRequest>("Sign"), IsOk());
  EXPECT_THAT(Open("2024-04"), Refused("MONTH_OUTSIDE"));
  EXPECT_THAT(Open("2024-07"), Refused("MONTH_NOT_OVER"));
  EXPECT_THAT(Open("2024-13"), Invalid({"reckoning_id"}));
  EXPECT_THAT(Open("2024-05", "users/stranger"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  scorecards_->Set(kMay, 97);
  auto may = Open("2024-05", kCourier);
  ASSERT_THAT(may, IsOk());
  EXPECT_EQ(may->state(), Reckoning::OPEN);
  EXPECT_EQ(may->dispute_due_date().day(), 12);
  EXPECT_EQ(may->result().scorecard().on_time(), 97);
  EXPECT_EQ(may->result().verdict(), Reckoning::MET);
  EXPECT_EQ(may->result().payment_factor(), "1");
  EXPECT_THAT(Open("2024-05"), Fails(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  Pass(40);
  EXPECT_THAT(Open("2024-07"), Refused("NOT_NEXT_MONTH"));
  EXPECT_THAT(Open("2024-06"), IsOk());
}

TEST_F(LogisticsRegistersTest, SilenceAcceptsTheMonth) {
  Begin();
  scorecards_->Set(kMay, 97);
  ASSERT_THAT(Open("2024-05"), IsOk());
  // Before it is FINAL, late events count.
  scorecards_->Set(kMay, 98);
  Pass(10);
  EXPECT_THAT(Finalize("2024-05"), Refused("WINDOW_OPEN"));
  Pass(1);
  EXPECT_THAT(File("2024-05", "d", OnTime("a")), Refused("WINDOW_CLOSED"));
  auto may = Finalize("2024-05");
  ASSERT_THAT(may, IsOk());
  EXPECT_EQ(may->state(), Reckoning::FINAL);
  EXPECT_EQ(may->result().scorecard().on_time(), 98);
  EXPECT_EQ(may->result().payment_factor(), "1.03");
  EXPECT_THAT(may->adjustments(), IsEmpty());
  EXPECT_THAT(Finalize("2024-05"), Refused("RECKONING_FINAL"));
  EXPECT_THAT(File("2024-05", "d", OnTime("a")), Refused("RECKONING_FINAL"));
}

TEST_F(LogisticsRegistersTest, ClaimsNameParcelsAndFitWhatIsCounted) {
  Begin();
  scorecards_->Set(kMay, 97);
  scorecards_->SetParcel(kMay, "parcels/a", false);
  ASSERT_THAT(Open("2024-05"), IsOk());
  EXPECT_THAT(File("2024-05", "d", OnTime("b")), Invalid({"dispute.claims[0].parcel"}));
  EXPECT_THAT(File("2024-05", "d", OnTime("a") + OnTime("a", false)),
              Invalid({"dispute.claims[1].measure"}));
  EXPECT_THAT(File("2024-05", "d", OnTime("a") + "claims { parcel: 'parcels/a' measure: DUE }"),
              Invalid({"dispute.claims[0]"}));
  // Only a party files, for itself.
  EXPECT_THAT(File("2024-05", "d", OnTime("a"), "users/stranger"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_EQ(GetReckoning("2024-05")->state(), Reckoning::OPEN);
  EXPECT_THAT(File("2024-05", "d", OnTime("a")), IsOk());
  EXPECT_EQ(GetReckoning("2024-05")->state(), Reckoning::DISPUTED);
}

TEST_F(LogisticsRegistersTest, DisputesAreAnsweredByTheOtherSideAndArbitrated) {
  Begin();
  scorecards_->Set(kMay, 94);
  for (const char* parcel : {"a", "b", "c", "d"}) {
    scorecards_->SetParcel(kMay, absl::StrCat("parcels/", parcel), false);
  }
  ASSERT_THAT(Open("2024-05"), IsOk());
  for (const char* id : {"a", "b", "c", "d"}) {
    ASSERT_THAT(File("2024-05", id, OnTime(id)), IsOk());
  }
  EXPECT_THAT(Answer<v1::AcceptDisputeRequest>("Accept", "a", kCourier), Refused("FOUR_EYES"));
  ASSERT_THAT(Answer<v1::AcceptDisputeRequest>("Accept", "a"), IsOk());
  ASSERT_THAT(Answer<v1::RejectDisputeRequest>("Reject", "b"), IsOk());
  ASSERT_THAT(Answer<v1::RejectDisputeRequest>("Reject", "c"), IsOk());
  Pass(11);
  EXPECT_THAT(Answer<v1::RejectDisputeRequest>("Reject", "d"), Refused("ANSWER_LATE"));
  EXPECT_THAT(Finalize("2024-05"), Refused("DISPUTES_OPEN"));
  EXPECT_THAT(Answer<v1::ArbitrateDisputeRequest>("Arbitrate", "b", kHauler, "decision: 'D'"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  ASSERT_THAT(Answer<v1::ArbitrateDisputeRequest>("Arbitrate", "b", kMinistry,
                                                  "upheld: true decision: 'D'"),
              IsOk());
  ASSERT_THAT(Answer<v1::ArbitrateDisputeRequest>("Arbitrate", "c", kMinistry, "decision: 'D'"),
              IsOk());
  // What comes to light by itself is not counted twice.
  scorecards_->Set(kMay, 95);
  scorecards_->SetParcel(kMay, "parcels/a", true);
  auto may = Finalize("2024-05");
  ASSERT_THAT(may, IsOk());
  EXPECT_EQ(may->result().scorecard().on_time(), 97);  // with b upheld and d by silence
  auto silent = Call<Dispute, v1::GetDisputeRequest>(
      "DisputeService/GetDispute", absl::StrCat("name: '", NameOf("2024-05"), "/disputes/d'"));
  ASSERT_THAT(silent, IsOk());
  EXPECT_EQ(silent->state(), Dispute::ACCEPTED);
  EXPECT_EQ(silent->answerer(), "");
}

TEST_F(LogisticsRegistersTest, WhatComesLateAdjustsTheNextMonthOnce) {
  Begin();
  scorecards_->Set(kMay, 97);
  scorecards_->Set(kJune, 99);
  scorecards_->Set(kJuly, 99);
  ASSERT_THAT(Open("2024-05"), IsOk());
  ASSERT_THAT(Open("2024-06"), IsOk());
  Pass(11);
  EXPECT_THAT(Finalize("2024-06"), Refused("EARLIER_MONTH_OPEN"));
  auto may = Finalize("2024-05");
  ASSERT_THAT(may, IsOk());
  scorecards_->Set(kMay, 98);
  auto june = Finalize("2024-06");
  ASSERT_THAT(june, IsOk());
  ASSERT_THAT(june->adjustments(), SizeIs(1));
  const Reckoning::Adjustment& adjustment = june->adjustments(0);
  EXPECT_EQ(adjustment.reckoning(), NameOf("2024-05"));
  EXPECT_THAT(Changes(adjustment), ElementsAre("on_time 97 98"));
  EXPECT_EQ(adjustment.payment_factor_before(), "1");
  EXPECT_EQ(adjustment.payment_factor_after(), "1.03");
  // What is FINAL stays.
  EXPECT_EQ(GetReckoning("2024-05")->SerializeAsString(), may->SerializeAsString());

  Pass(30);
  ASSERT_THAT(Open("2024-07"), IsOk());
  Pass(11);
  scorecards_->Set(kMay, 96);
  auto july = Finalize("2024-07");
  ASSERT_THAT(july, IsOk());
  ASSERT_THAT(july->adjustments(), SizeIs(1));
  EXPECT_THAT(Changes(july->adjustments(0)), ElementsAre("on_time 98 96"));
}

TEST_F(LogisticsRegistersTest, MonthsThatBreachMakeItAtRisk) {
  Begin();
  scorecards_->Set(kMay, 90);
  scorecards_->Set(kJune, 91);
  ASSERT_THAT(Open("2024-05"), IsOk());
  ASSERT_THAT(Open("2024-06"), IsOk());
  Pass(11);
  ASSERT_THAT(Finalize("2024-05"), IsOk());
  EXPECT_EQ(GetPartnership()->state(), Partnership::ACTIVE);
  auto june = Finalize("2024-06");
  ASSERT_THAT(june, IsOk());
  EXPECT_EQ(june->result().verdict(), Reckoning::BREACHED);
  EXPECT_EQ(june->result().payment_factor(), "0.95");
  EXPECT_EQ(GetPartnership()->state(), Partnership::AT_RISK);
}

TEST_F(LogisticsRegistersTest, TheServiceFreezesMonthsByItself) {
  Begin();
  scorecards_->Set(kMay, 97);
  scorecards_->SetParcel(kMay, "parcels/a", false);
  ASSERT_THAT(Open("2024-05"), IsOk());
  ASSERT_THAT(Open("2024-06"), IsOk());
  ASSERT_THAT(File("2024-05", "a", OnTime("a")), IsOk());
  ASSERT_THAT(Answer<v1::RejectDisputeRequest>("Reject", "a"), IsOk());
  const auto close = [&] {
    return FinalizeDue(*registry_, *store_, *scorecards_, clock_.Now(),
                       absl::FixedTimeZone(8 * 60 * 60));
  };
  EXPECT_EQ(close().value(), 0);
  Pass(11);
  // May waits for arbitration, and June for May.
  EXPECT_EQ(close().value(), 0);
  ASSERT_THAT(Answer<v1::ArbitrateDisputeRequest>("Arbitrate", "a", kMinistry,
                                                  "upheld: true decision: 'D'"),
              IsOk());
  EXPECT_EQ(close().value(), 2);
  EXPECT_EQ(GetReckoning("2024-05")->result().scorecard().on_time(), 98);
  EXPECT_EQ(GetReckoning("2024-06")->state(), Reckoning::FINAL);
  EXPECT_EQ(close().value(), 0);
}

TEST_F(LogisticsRegistersTest, WhatWaitsForWhom) {
  ASSERT_THAT(CreatePartnership(Draft()), IsOk());
  const auto pending = [&](const char* principal) {
    std::vector<std::string> methods;
    auto actions = Call<caravan::api::v1::ListPendingActionsResponse,
                        caravan::api::v1::ListPendingActionsRequest>(
        "PendingActionService/ListPendingActions", "", principal);
    EXPECT_THAT(actions, IsOk());
    if (!actions.ok()) return methods;
    for (const auto& action : actions->pending_actions()) {
      for (const std::string& method : action.methods()) {
        methods.push_back(method.substr(method.rfind('/') + 1));
      }
    }
    return methods;
  };
  EXPECT_THAT(pending(kHauler), IsEmpty());
  EXPECT_THAT(pending(kCourier), ElementsAre("SignPartnership"));
  ASSERT_THAT(Step<v1::SignPartnershipRequest>("Sign"), IsOk());
  ASSERT_THAT(Step<v1::ActivatePartnershipRequest>("Activate"), IsOk());
  scorecards_->SetParcel(kMay, "parcels/a", false);
  ASSERT_THAT(Open("2024-05"), IsOk());
  ASSERT_THAT(File("2024-05", "a", OnTime("a")), IsOk());
  EXPECT_THAT(pending(kHauler), ElementsAre("FinalizeReckoning", "AcceptDispute", "RejectDispute"));
}

}  // namespace
}  // namespace caravan::logistics
