// The zones service with the reference data, through a real server.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/policies.pb.h"
#include "caravan/zones/v1/supervision_modes.pb.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/zones/testing/messages.h"
#include "services/zones/testing/reference_data.h"
#include "services/zones/zones.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::CallOptions;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using caravan::testing::TestServer;
using zones::testing::Parse;

constexpr char kFirm[] = "91330108madem0001a";
const std::string kData = CARAVAN_REFERENCE_DATA;

class ZonesServiceTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  ZonesServiceTest()
      : clock_(absl::FromCivil(absl::CivilSecond(2026, 11, 23, 4), absl::UTCTimeZone())),
        database_(GetParam().Create()),
        server_(TestServer::Start({.definition = ZonesDefinition(),
                                   .access = {},
                                   .store = database_->url(),
                                   .clock = clock_.AsFunction(),
                                   .adjust = nullptr})) {
    Load();
  }

  void Load() {
    auto documents =
        testing::ReadYaml<v1::Document>(kData + "/documents.yaml", "caravan.dev/Document");
    ASSERT_THAT(documents, IsOk());
    for (const auto& document : *documents) {
      v1::UpdateDocumentRequest request;
      *request.mutable_document() = document;
      request.set_allow_missing(true);
      ASSERT_THAT(Call<v1::Document>("DocumentService/UpdateDocument", request), IsOk());
    }
    auto modes = testing::ReadYaml<v1::SupervisionMode>(kData + "/supervision_modes.yaml",
                                                        "caravan.dev/SupervisionMode");
    ASSERT_THAT(modes, IsOk());
    for (const auto& mode : *modes) {
      v1::UpdateSupervisionModeRequest request;
      *request.mutable_supervision_mode() = mode;
      request.set_allow_missing(true);
      ASSERT_THAT(
          Call<v1::SupervisionMode>("SupervisionModeService/UpdateSupervisionMode", request),
          IsOk());
    }
    auto zones = testing::ReadCsv<v1::PilotZone>(kData + "/pilot_zones.csv");
    ASSERT_THAT(zones, IsOk());
    v1::LoadPilotZonesRequest load_zones;
    for (const auto& zone : *zones) *load_zones.add_pilot_zones() = zone;
    ASSERT_THAT(Call<v1::LoadPilotZonesResponse>("PilotZoneService/LoadPilotZones", load_zones),
                IsOk());
    auto policies = testing::ReadYaml<v1::Policy>(kData + "/policies.yaml", "caravan.dev/Policy");
    ASSERT_THAT(policies, IsOk());
    v1::LoadPoliciesRequest load_policies;
    for (const auto& policy : *policies) *load_policies.add_policies() = policy;
    ASSERT_THAT(Call<v1::LoadPoliciesResponse>("PolicyService/LoadPolicies", load_policies),
                IsOk());
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const CallOptions& options = {}) {
    return server_->Call<Response>(method, request, options);
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const std::string& request) {
    return Call<Response>(method, Parse<Request>(request));
  }

  int Count(const std::string& request) {
    auto parsed = Parse<v1::ListPilotZonesRequest>(request);
    parsed.set_page_size(1000);
    auto response = Call<v1::ListPilotZonesResponse>("PilotZoneService/ListPilotZones", parsed);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? response->pilot_zones_size() : -1;
  }

  absl::StatusOr<v1::PilotZone> Zone(const std::string& id) {
    return Call<v1::PilotZone, v1::GetPilotZoneRequest>("PilotZoneService/GetPilotZone",
                                                        "name: 'pilotZones/" + id + "'");
  }

  absl::StatusOr<v1::PilotZone> Resolve(const std::string& id, const std::string& date) {
    return Call<v1::PilotZone, v1::ResolvePilotZoneRequest>(
        "PilotZoneService/ResolvePilotZone",
        "name: 'pilotZones/" + id + "' effective_date {" + date + "}");
  }

  absl::StatusOr<v1::Enterprise> CreateFirm(const std::string& id = kFirm,
                                            const std::string& zone = "hangzhou") {
    return Call<v1::Enterprise, v1::CreateEnterpriseRequest>(
        "EnterpriseService/CreateEnterprise",
        "enterprise_id: '" + id +
            "' enterprise { display_name: 'Demo' country: 'CN' "
            "province: 'CN-ZJ' roles: SELLER pilot_zone: 'pilotZones/" +
            zone + "' }");
  }

  caravan::testing::TestClock clock_;
  std::unique_ptr<store::TestDatabase> database_;
  std::unique_ptr<TestServer> server_;
};

TEST_P(ZonesServiceTest, CountsZonesByBatchAndDay) {
  EXPECT_EQ(Count(""), 181);
  const int batches[] = {1, 12, 22, 24, 46, 27, 33, 16};
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(Count("filter: 'batch = " + std::to_string(i + 1) + "'"), batches[i]) << i + 1;
  }
  EXPECT_EQ(Count("effective_date { year: 2026 month: 11 day: 23 }"), 178);
  EXPECT_EQ(Count("effective_date { year: 2024 month: 8 day: 2 }"), 165);
  EXPECT_EQ(Count("effective_date { year: 2015 month: 3 day: 6 }"), 0);
  EXPECT_EQ(Count("effective_date { year: 2015 month: 3 day: 7 }"), 1);
}

TEST_P(ZonesServiceTest, BothTaizhouAreDistinct) {
  auto list = Call<v1::ListPilotZonesResponse, v1::ListPilotZonesRequest>(
      "PilotZoneService/ListPilotZones", "filter: 'display_name = \"Taizhou*\"'");
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->pilot_zones_size(), 2);
  std::set<std::string> local;
  for (const auto& zone : list->pilot_zones()) local.insert(zone.local_name());
  EXPECT_EQ(local, (std::set<std::string>{"台州市", "泰州市"}));
}

TEST_P(ZonesServiceTest, MergedZonesNameTheirSuccessors) {
  for (const auto& [id, successor] : std::map<std::string, std::string>{
           {"haikou", "hainan"}, {"sanya", "hainan"}, {"alashankou", "bortala"}}) {
    auto zone = Zone(id);
    ASSERT_THAT(zone, IsOk());
    EXPECT_EQ(zone->state(), v1::PilotZone::MERGED);
    EXPECT_EQ(zone->successor(), "pilotZones/" + successor);
    EXPECT_EQ(Resolve(id, "year: 2024 month: 1 day: 1")->name(), zone->name());
    EXPECT_EQ(Resolve(id, "year: 2025 month: 6 day: 1")->name(), zone->successor());
  }
  EXPECT_THAT(Resolve("haikou", "year: 2017 month: 1 day: 1"),
              Fails(StatusCode::kFailedPrecondition, "ZONE_NOT_IN_FORCE"));
  EXPECT_THAT(Resolve("nowhere", "year: 2025"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_P(ZonesServiceTest, AZoneIsMergedIntoOneThatIsInForce) {
  const auto merge = [&](const std::string& successor, const std::string& date) {
    return Call<v1::PilotZone, v1::MergePilotZoneRequest>(
        "PilotZoneService/MergePilotZone", "name: 'pilotZones/taizhou-zhejiang' successor: '" +
                                               successor + "' end_date {" + date + "}");
  };
  EXPECT_THAT(merge("pilotZones/haikou", "year: 2026"),
              Fails(StatusCode::kFailedPrecondition, "SUCCESSOR_NOT_IN_FORCE"));
  EXPECT_THAT(merge("pilotZones/none", "year: 2026"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"successor"})));
  EXPECT_THAT(merge("", "year: 2026"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"successor"})));
  EXPECT_EQ(Zone("taizhou-zhejiang")->state(), v1::PilotZone::OPERATING);
  ASSERT_THAT(merge("pilotZones/hangzhou", "year: 2026"), IsOk());
  EXPECT_THAT(merge("pilotZones/hangzhou", "year: 2026"),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_EQ(Resolve("taizhou-zhejiang", "year: 2026 month: 2")->name(), "pilotZones/hangzhou");
  // What names it as successor keeps it.
  EXPECT_THAT((Call<google::protobuf::Empty, v1::DeletePilotZoneRequest>(
                  "PilotZoneService/DeletePilotZone", "name: 'pilotZones/hangzhou'")),
              Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

TEST_P(ZonesServiceTest, EnterprisesAreKnownByTheirCreditCode) {
  ASSERT_THAT(CreateFirm(), IsOk());
  EXPECT_THAT(CreateFirm("91330108madem0001b"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"enterprise_id"})));
  EXPECT_THAT(CreateFirm(""),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"enterprise_id"})));
  // A firm abroad is in no province and no zone.
  EXPECT_THAT(CreateFirm("de-hrb86891"), Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
}

TEST_P(ZonesServiceTest, AnEnterpriseJoinsAZoneThatIsInForce) {
  EXPECT_THAT(CreateFirm(kFirm, "none"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"enterprise.pilot_zone"})));
  EXPECT_THAT(CreateFirm(kFirm, "haikou"), ::testing::Not(IsOk()));
  EXPECT_THAT(CreateFirm(kFirm, "ningbo"), IsOk());
}

TEST_P(ZonesServiceTest, ExplainsEligibility) {
  ASSERT_THAT(CreateFirm(), IsOk());
  const std::string asked = std::string("enterprise: 'enterprises/") + kFirm +
                            "' supervision_mode: 'supervisionModes/9610' ";
  const auto check = [&](const std::string& rest) {
    return Call<v1::CheckEligibilityResponse, v1::CheckEligibilityRequest>(
        "PolicyService/CheckEligibility", asked + rest);
  };
  const std::string evidence =
      "evidence { platform_registration_zone: 'pilotZones/hangzhou' goods_logged: true "
      "purchase_invoice: false declaration_zone: 'pilotZones/hangzhou' "
      "declared_as_ecommerce_export: true }";
  auto met = check("goods { hs_code: '620411' } " + evidence);
  ASSERT_THAT(met, IsOk());
  ASSERT_EQ(met->policies_size(), 1);
  EXPECT_EQ(met->policies(0).outcome(), v1::MET);
  EXPECT_EQ(met->pilot_zone(), "pilotZones/hangzhou");

  auto missing = check("goods { hs_code: '620411' }");
  ASSERT_THAT(missing, IsOk());
  EXPECT_EQ(missing->policies(0).outcome(), v1::NOT_EVIDENCED);

  auto excluded = check("goods { hs_code: '760410' } " + evidence);
  ASSERT_THAT(excluded, IsOk());
  EXPECT_EQ(excluded->policies(0).outcome(), v1::FAILED);
  for (const auto& condition : excluded->policies(0).clauses(0).conditions()) {
    EXPECT_EQ(condition.outcome(), condition.condition() == "not-excluded" ? v1::FAILED : v1::MET)
        << condition.condition();
    EXPECT_FALSE(condition.seen().empty());
    EXPECT_FALSE(condition.explanation().empty());
  }
  // Before the notice, no policy covers the mode.
  auto early = check("goods { hs_code: '620411' } effective_date { year: 2018 month: 9 day: 30 }");
  ASSERT_THAT(early, IsOk());
  EXPECT_EQ(early->policies_size(), 0);
  EXPECT_THAT(check("goods { hs_code: '99' }"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"goods.hs_code"})));
  EXPECT_THAT(check("goods { hs_code: '620411' } policy: 'policies/none'"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_P(ZonesServiceTest, APolicyIsDraftedEnactedAndRepealed) {
  const std::string policy =
      "policy_id: 'p1' policy { title: 'P' clauses { id: 'c1' title: 'C' "
      "conditions { id: 'k1' title: 'K' expression: '%' } } }";
  const auto create = [&](const std::string& expression) {
    std::string text = policy;
    text.replace(text.find('%'), 1, expression);
    return Call<v1::Policy, v1::CreatePolicyRequest>("PolicyService/CreatePolicy", text);
  };
  EXPECT_THAT(create("evidence.nothing = 1"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"policy.clauses[0].conditions[0].expression"})));
  ASSERT_THAT(create("evidence.goods_logged = true"), IsOk());
  const auto in_force = [&] {
    auto list = Call<v1::ListPoliciesResponse, v1::ListPoliciesRequest>(
        "PolicyService/ListPolicies", "effective_date { year: 2026 month: 11 day: 23 }");
    return list.ok() ? list->policies_size() : -1;
  };
  EXPECT_EQ(in_force(), 1);  // a draft is not
  EXPECT_THAT((Call<v1::Policy, v1::RepealPolicyRequest>(
                  "PolicyService/RepealPolicy", "name: 'policies/p1' repeal_date { year: 2027 }")),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  ASSERT_THAT((Call<v1::Policy, v1::EnactPolicyRequest>(
                  "PolicyService/EnactPolicy",
                  "name: 'policies/p1' effective_date { year: 2026 month: 1 day: 1 }")),
              IsOk());
  EXPECT_EQ(in_force(), 2);
  ASSERT_THAT((Call<v1::Policy, v1::RepealPolicyRequest>(
                  "PolicyService/RepealPolicy",
                  "name: 'policies/p1' repeal_date { year: 2026 month: 6 day: 1 }")),
              IsOk());
  EXPECT_EQ(in_force(), 1);
}

TEST_P(ZonesServiceTest, DocumentsAreKnownByTheirDigest) {
  const auto create = [&](const std::string& rest) {
    return Call<v1::Document, v1::CreateDocumentRequest>(
        "DocumentService/CreateDocument",
        "document_id: 'd1' document { title: 'D' issuer: 'I' issue_date { year: 2020 } " + rest +
            "}");
  };
  EXPECT_THAT(create("content: 'abc' sha256: "
                     "'0000000000000000000000000000000000000000000000000000000000000000'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"document.sha256"})));
  auto document = create("content: 'abc'");
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(document->sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_P(ZonesServiceTest, AZoneOfficeActsForItsOwnFirms) {
  ASSERT_THAT(CreateFirm(), IsOk());
  server_.reset();
  database_ = GetParam().Create();
  server_ = TestServer::Start(
      {.definition = ZonesDefinition(),
       .access = caravan::testing::PolicyOf(
           {{"users/admin", "*"}, {"users/office", "zones.enterprises.*", "pilotZones/hangzhou"}}),
       .store = database_->url(),
       .adjust = nullptr});
  Load();
  const CallOptions office{.principal = "users/office"};
  const auto create = [&](const std::string& zone) {
    return Call<v1::Enterprise>(
        "EnterpriseService/CreateEnterprise",
        Parse<v1::CreateEnterpriseRequest>(
            std::string("enterprise_id: '") + kFirm +
            "' enterprise { display_name: 'Demo' country: 'CN' province: 'CN-ZJ' roles: SELLER "
            "pilot_zone: 'pilotZones/" +
            zone + "' }"),
        office);
  };
  EXPECT_THAT(create("ningbo"), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  auto firm = create("hangzhou");
  ASSERT_THAT(firm, IsOk());
  // It may not give the firm away to another zone.
  v1::UpdateEnterpriseRequest move;
  *move.mutable_enterprise() = *firm;
  move.mutable_enterprise()->set_pilot_zone("pilotZones/ningbo");
  move.mutable_update_mask()->add_paths("pilot_zone");
  EXPECT_THAT(Call<v1::Enterprise>("EnterpriseService/UpdateEnterprise", move, office),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(
      (Call<v1::PilotZone>("PilotZoneService/GetPilotZone",
                           Parse<v1::GetPilotZoneRequest>("name: 'pilotZones/hangzhou'"), office)),
      Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

INSTANTIATE_TEST_SUITE_P(Engines, ZonesServiceTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
