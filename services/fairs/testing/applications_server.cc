#include "services/fairs/testing/applications_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "services/common/resources/writer.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/fairs.h"
#include "services/fairs/hall.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/stands.h"
#include "services/zones/zones.h"

namespace caravan::fairs::testing {

using caravan::testing::IsOk;
using caravan::testing::Permission;
using caravan::testing::TestServer;
using resources::Writer;
using v1::Application;

namespace {

constexpr int kFirms = 9;
constexpr int kDocuments = 99;

std::vector<Permission> Permissions() {
  std::vector<Permission> all = {{"users/admin", "*"},
                                 {"users/organiser", "*", "fairs/f"},
                                 {"users/chamber", "fairs.applications.get"},
                                 {"users/chamber", "fairs.applications.score"}};
  for (int i = 1; i <= kFirms; ++i) {
    for (const char* verb : {"get", "list", "create", "update", "delete", "submit", "withdraw",
                             "confirm", "return", "explain"}) {
      all.push_back({absl::StrCat("users/firm", i), absl::StrCat("fairs.applications.", verb),
                     absl::StrCat("enterprises/de-", i)});
    }
  }
  for (const char* delegation : {"zhejiang", "guangdong"}) {
    for (const char* verb : {"get", "list", "screen", "reject"}) {
      all.push_back({absl::StrCat("users/", delegation), absl::StrCat("fairs.applications.", verb),
                     absl::StrCat("delegations/", delegation)});
    }
  }
  return all;
}

}  // namespace

ApplicationsServer::ApplicationsServer()
    : clock_(absl::FromCivil(absl::CivilSecond(2026, 11, 23, 4), absl::UTCTimeZone())) {
  zones_ =
      TestServer::Start({.definition = zones::ZonesDefinition(),
                         .access = caravan::testing::PolicyOf(
                             {{"users/admin", "*"},
                              {"services/fairs", "*.*.get"},
                              {"services/fairs", "zones.enterprises.computeComplianceStanding"}}),
                         .store = "",
                         .clock = clock_.AsFunction(),
                         .adjust = nullptr});
  host::ServiceDefinition definition = FairsDefinition();
  definition.services = [this, services = definition.services](const host::Dependencies& all) {
    registry_ = &all.registry;
    store_ = &all.store;
    return services(all);
  };
  fairs_ = TestServer::Start({.definition = std::move(definition),
                              .access = caravan::testing::PolicyOf(Permissions()),
                              .store = "",
                              .clock = clock_.AsFunction(),
                              .adjust = [this](settings::ServerSettings& settings) {
                                settings.add_peer("zones=" + zones_->address());
                              }});
  FillZones();
  FillFairs();
}

ApplicationsServer::~ApplicationsServer() = default;

void ApplicationsServer::FillZones() {
  for (int i = 1; i <= kFirms; ++i) {
    EXPECT_THAT(
        (CallZones<zones::v1::Enterprise, zones::v1::CreateEnterpriseRequest>(
            "EnterpriseService/CreateEnterprise",
            absl::StrCat("enterprise_id: 'de-", i, "' enterprise { display_name: 'Demo ", i,
                         "' country: 'DE' roles: ", i < 7 ? "PRODUCER" : "DISTRIBUTOR", " }"))),
        IsOk());
  }
  std::string documents;
  for (int i = 1; i <= kDocuments; ++i) {
    absl::StrAppend(&documents, "requests { document_id: 'd", i,
                    "' document { title: 'D' issuer: 'I' number: 'N' issue_date { year: 2020 } } "
                    "} ");
  }
  EXPECT_THAT(
      (CallZones<zones::v1::BatchCreateDocumentsResponse, zones::v1::BatchCreateDocumentsRequest>(
          "DocumentService/BatchCreateDocuments", documents)),
      IsOk());
}

void ApplicationsServer::FillFairs() {
  EXPECT_THAT((Call<v1::Fair, v1::CreateFairRequest>(
                  "FairService/CreateFair",
                  "fair_id: 'f' fair { title: 'F' edition: 136 "
                  "phases { id: '1' title: 'P' start_date { year: 2027 month: 4 day: 15 } "
                  "  end_date { year: 2027 month: 4 day: 19 } } "
                  "application_due_date { year: 2026 month: 12 day: 10 } "
                  "screening_due_date { year: 2026 month: 12 day: 20 } "
                  "renewal_due_date { year: 2026 month: 12 day: 1 } "
                  "rules { brand_criteria { id: 'marks' title: 'Trademarks' maximum: '10' } "
                  "  general_criteria { id: 'exports' title: 'Exports' maximum: '35' } "
                  "  general_criteria { id: 'research' title: 'Research' maximum: '12.5' } "
                  "  brand_quantity { method: RANKED } general_quantity { method: RANKED } "
                  "  quota_method: SAINTE_LAGUE producer_exports_usd: 750000 "
                  "  distributor_exports_usd: 1500000 newcomer_divisor: 4 newcomer_maximum: 2 "
                  "  firm_cap: 10 host_booths: 3 host_partners: 2 confirmation_days: 10 "
                  "  objection_days: 5 report_days: 90 } }")),
              IsOk());
  for (const char* delegation : {"zhejiang", "guangdong"}) {
    EXPECT_THAT((Call<v1::Delegation, v1::CreateDelegationRequest>(
                    "DelegationService/CreateDelegation",
                    absl::StrCat("delegation_id: '", delegation, "' delegation { title: '",
                                 delegation, "' province: 'CN-ZJ' }"))),
                IsOk());
  }
  for (const auto& [id, kind] :
       {std::pair{"s", "REGULAR"}, std::pair{"t", "REGULAR"}, std::pair{"special", "SPECIAL"}}) {
    EXPECT_THAT((Call<v1::Section, v1::CreateSectionRequest>(
                    "SectionService/CreateSection",
                    absl::StrCat("parent: 'fairs/f' section_id: '", id, "' section { title: '", id,
                                 "' phase: '1' kind: ", kind,
                                 kind[0] == 'R' ? " brand_booths: 8 general_booths: 20 "
                                                  "newcomer_booths: 4 brand_minimum: 4 "
                                                  "product_groups { id: 'lamps' title: 'Lamps' }"
                                                : "",
                                 " }"))),
                IsOk());
  }
  EXPECT_THAT((Call<v1::Hall, v1::CreateHallRequest>(
                  "HallService/CreateHall",
                  "parent: 'fairs/f' hall_id: '1.1' hall { width_meters: 60 depth_meters: 60 "
                  "rows { id: 'a' aisle: 'A' first_number: 1 number_step: 1 cells: 12 "
                  "  direction: EAST } "
                  "rows { id: 'b' aisle: 'B' first_number: 1 number_step: 1 cells: 12 "
                  "  y_meters: 9 direction: EAST blocked_numbers: 3 } }")),
              IsOk());
  EXPECT_THAT(
      (Call<v1::FloorPlan, v1::CreateFloorPlanRequest>(
          "FloorPlanService/CreateFloorPlan",
          "parent: 'fairs/f' floor_plan_id: '1-1.1' floor_plan { hall: 'fairs/f/halls/1.1' "
          "phase: '1' "
          "spans { row: 'a' first_number: 1 last_number: 12 section: 'fairs/f/sections/s' } "
          "spans { row: 'b' first_number: 1 last_number: 8 section: 'fairs/f/sections/s' } "
          "spans { row: 'b' first_number: 9 last_number: 12 "
          "  section: 'fairs/f/sections/t' } }")),
      IsOk());
  for (const char* stage : {"BRAND", "GENERAL", "PLACEMENT"}) {
    EXPECT_THAT((Call<v1::Fair, v1::CommitLotteryRequest>(
                    "FairService/CommitLottery",
                    absl::StrCat("name: 'fairs/f' stage: ", stage, " commitment: '",
                                 LotteryCommitment(absl::StrCat("secret of ", stage)), "'"))),
                IsOk());
  }
  EXPECT_THAT((Call<v1::Fair, v1::OpenFairRequest>("FairService/OpenFair", "name: 'fairs/f'")),
              IsOk());
}

std::string ApplicationsServer::Entry(const std::string& firm, const std::string& more) {
  auto entry = Parse<Application>(absl::StrCat(
      "section: 'fairs/f/sections/s' kind: GENERAL enterprise: 'enterprises/de-", firm,
      "' delegation: 'delegations/zhejiang' trade: ", firm < "7" ? "PRODUCER" : "DISTRIBUTOR",
      " minimum_booths: 1 maximum_booths: 3 stand_type: STANDARD "
      "prior_year_exports_usd: 2000000 export_documents: 'documents/d1'"));
  entry.MergeFrom(Parse<Application>(more));
  return entry.ShortDebugString();
}

absl::StatusOr<Application> ApplicationsServer::Create(const std::string& id,
                                                       const std::string& entry,
                                                       const std::string& principal) {
  return Call<Application, v1::CreateApplicationRequest>(
      "ApplicationService/CreateApplication",
      absl::StrCat("parent: 'fairs/f' application_id: '", id, "' application { ", entry, " }"),
      principal);
}

absl::StatusOr<Application> ApplicationsServer::Get(const std::string& id,
                                                    const std::string& principal) {
  return Call<Application, v1::GetApplicationRequest>(
      "ApplicationService/GetApplication", absl::StrCat("name: '", NameOf(id), "'"), principal);
}

absl::StatusOr<Application> ApplicationsServer::Update(const std::string& id,
                                                       const std::string& fields,
                                                       const std::string& principal) {
  return Call<Application, v1::UpdateApplicationRequest>(
      "ApplicationService/UpdateApplication",
      absl::StrCat("application { name: '", NameOf(id), "' ", fields, " }"), principal);
}

absl::StatusOr<Application> ApplicationsServer::Load(const std::string& id,
                                                     const std::string& entry) {
  auto loaded = Call<v1::LoadApplicationsResponse, v1::LoadApplicationsRequest>(
      "ApplicationService/LoadApplications",
      absl::StrCat("parent: 'fairs/f' applications { name: '", NameOf(id), "' ", entry, " }"));
  if (!loaded.ok()) return loaded.status();
  return loaded->applications(0);
}

absl::StatusOr<Application> ApplicationsServer::Move(const std::string& id, const std::string& row,
                                                     int first_number, const std::string& consent,
                                                     const std::string& principal) {
  return Step<v1::MoveApplicationRequest>(
      "Move", id, principal,
      absl::StrCat("hall: 'fairs/f/halls/1.1' row: '", row, "' first_number: ", first_number,
                   " reason: 'r' consent: 'documents/", consent, "'"));
}

absl::StatusOr<v1::SwapApplicationResponse> ApplicationsServer::Swap(
    const std::string& id, const std::string& other, const std::string& consent,
    const std::string& other_consent) {
  return Call<v1::SwapApplicationResponse, v1::SwapApplicationRequest>(
      "ApplicationService/SwapApplication",
      absl::StrCat("name: '", NameOf(id), "' other: '", NameOf(other),
                   "' reason: 'r' consent: 'documents/", consent, "' other_consent: 'documents/",
                   other_consent, "'"),
      "users/organiser");
}

std::vector<std::string> ApplicationsServer::Stands() {
  auto plan = Call<v1::FloorPlan, v1::GetFloorPlanRequest>("FloorPlanService/GetFloorPlan",
                                                           "name: 'fairs/f/floorPlans/1-1.1'");
  EXPECT_THAT(plan, IsOk());
  std::vector<std::string> stands;
  if (!plan.ok()) return stands;
  for (const auto& stand : plan->stands()) {
    stands.push_back(absl::StrCat(LastSegment(stand.application()), ": ", stand.row(), " ",
                                  stand.first_number(), " ", stand.booths()));
  }
  return stands;
}

absl::Status ApplicationsServer::Write(
    const std::function<absl::Status(const resources::Registry& registry,
                                     const resources::Caller& caller, store::Transaction& tx)>&
        body) {
  resources::Caller caller;
  caller.principal.name = "services/fairs";
  caller.method = "test";
  caller.now = clock_.Now();
  caller.today = 20261123;
  caller.unrestricted = true;
  return store_->WriteAndWait([&](store::Transaction& tx) { return body(*registry_, caller, tx); })
      .status();
}

absl::Status ApplicationsServer::Position(const std::string& id, const std::string& firm,
                                          const std::string& row, int first_number, int booths) {
  auto loaded =
      Load(id, Entry(firm, absl::StrCat("state: CONFIRMED score: '20' allotted_booths: ", booths)));
  if (!loaded.ok()) return loaded.status();
  return Position(id, row, first_number);
}

absl::Status ApplicationsServer::Position(const std::string& id, const std::string& row,
                                          int first_number) {
  return Write([&](const resources::Registry& registry, const resources::Caller& caller,
                   store::Transaction& tx) -> absl::Status {
    Writer writer(registry, caller, tx);
    auto hall = registry.Lookup<v1::Hall>(tx, "fairs/f/halls/1.1");
    if (!hall.ok()) return hall.status();
    auto before = registry.Lookup<Application>(tx, NameOf(id));
    if (!before.ok()) return before.status();
    const NewStand stand = {.application = NameOf(id),
                            .section = (*before)->section(),
                            .row = row,
                            .first_number = first_number,
                            .booths = (*before)->allotted_booths()};
    auto plan = writer.Change<v1::FloorPlan>("fairs/f/floorPlans/1-1.1", [&](v1::FloorPlan& after) {
      return PlaceStands(**hall, {stand}, after);
    });
    if (!plan.ok()) return plan.status();
    return writer
        .Change<Application>(NameOf(id),
                             [&](Application& after) {
                               after.set_state(Application::POSITIONED);
                               *after.mutable_position() = PositionOf(**hall, stand);
                               return absl::OkStatus();
                             })
        .status();
  });
}

}  // namespace caravan::fairs::testing
