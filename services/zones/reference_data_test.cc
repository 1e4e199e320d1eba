// The files of deploy/data obey every rule that loading them enforces.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/policies.pb.h"
#include "caravan/zones/v1/supervision_modes.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/validation.h"
#include "services/zones/document.h"
#include "services/zones/eligibility.h"
#include "services/zones/pilot_zone.h"
#include "services/zones/policy.h"
#include "services/zones/testing/messages.h"
#include "services/zones/testing/reference_data.h"

namespace caravan::zones {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using v1::Document;
using v1::PilotZone;
using v1::Policy;
using v1::SupervisionMode;

constexpr char kFolder[] = CARAVAN_REFERENCE_DATA "/";

template <class T>
void ExpectValid(const T& resource) {
  api::Violations violations;
  api::Validator::For(*T::descriptor())
      .Check(resource, "", {.required = true, .output_only = true}, violations);
  EXPECT_EQ(violations.ToStatus(), absl::OkStatus()) << resource.name();
}

class ReferenceData : public ::testing::Test {
 protected:
  void SetUp() override {
    auto zones = testing::ReadCsv<PilotZone>(std::string(kFolder) + "pilot_zones.csv");
    ASSERT_TRUE(zones.ok()) << zones.status();
    zones_ = *std::move(zones);
    Read("documents.yaml", "caravan.dev/Document", documents_);
    Read("supervision_modes.yaml", "caravan.dev/SupervisionMode", modes_);
    Read("policies.yaml", "caravan.dev/Policy", policies_);
    for (const PilotZone& zone : zones_) by_name_[zone.name()] = zone;
  }

  template <class T>
  void Read(const std::string& file, const std::string& type, std::vector<T>& into) {
    auto read = testing::ReadYaml<T>(kFolder + file, type);
    ASSERT_TRUE(read.ok()) << read.status();
    into = *std::move(read);
    ASSERT_FALSE(into.empty());
  }

  absl::StatusOr<std::optional<PilotZone>> Find(std::string_view name) const {
    auto found = by_name_.find(std::string(name));
    if (found == by_name_.end()) return std::nullopt;
    return found->second;
  }

  template <class T>
  static bool Has(const std::vector<T>& resources, const std::string& name) {
    return std::any_of(resources.begin(), resources.end(),
                       [&](const T& r) { return r.name() == name; });
  }

  int64_t InForceOn(int64_t day) const {
    return std::count_if(zones_.begin(), zones_.end(),
                         [&](const PilotZone& zone) { return IsInForce(zone, day); });
  }

  std::vector<PilotZone> zones_;
  std::map<std::string, PilotZone> by_name_;
  std::vector<Document> documents_;
  std::vector<SupervisionMode> modes_;
  std::vector<Policy> policies_;
};

TEST_F(ReferenceData, HasAllZonesByBatch) {
  EXPECT_EQ(zones_.size(), 181u);
  EXPECT_EQ(by_name_.size(), 181u);
  std::map<int, int> batches;
  for (const PilotZone& zone : zones_) ++batches[zone.batch()];
  EXPECT_THAT(batches, ElementsAre(Pair(1, 1), Pair(2, 12), Pair(3, 22), Pair(4, 24), Pair(5, 46),
                                   Pair(6, 27), Pair(7, 33), Pair(8, 16)));
}

TEST_F(ReferenceData, KnowsWhichZonesAreInForce) {
  EXPECT_EQ(InForceOn(20150306), 0);
  EXPECT_EQ(InForceOn(20150307), 1);
  EXPECT_EQ(InForceOn(20240802), 165);
  EXPECT_EQ(InForceOn(20250331), 165);
  EXPECT_EQ(InForceOn(20250401), 178);
  EXPECT_EQ(InForceOn(20260101), 178);
}

TEST_F(ReferenceData, ZonesAreValid) {
  for (const PilotZone& zone : zones_) {
    ExpectValid(zone);
    EXPECT_EQ(CheckPilotZone(zone), absl::OkStatus()) << zone.name();
    EXPECT_TRUE(Has(documents_, zone.approval_document())) << zone.name();
    EXPECT_EQ(zone.place().empty(), zone.batch() == 8) << zone.name();
  }
}

// A register is loaded in the order of its file.
TEST_F(ReferenceData, SuccessorsExistAndComeFirst) {
  std::map<std::string, std::string> successors;
  std::set<std::string> seen;
  for (const PilotZone& zone : zones_) {
    seen.insert(zone.name());
    if (zone.successor().empty()) continue;
    EXPECT_TRUE(seen.count(zone.successor())) << zone.name();
    EXPECT_EQ(CheckSuccession(zone, [&](std::string_view name) { return Find(name); }),
              absl::OkStatus());
    successors[zone.name()] = zone.successor();
  }
  EXPECT_THAT(successors, ElementsAre(Pair("pilotZones/alashankou", "pilotZones/bortala"),
                                      Pair("pilotZones/haikou", "pilotZones/hainan"),
                                      Pair("pilotZones/sanya", "pilotZones/hainan")));
}

TEST_F(ReferenceData, KeepsTheTwoTaizhouApart) {
  EXPECT_EQ(by_name_["pilotZones/taizhou-zhejiang"].local_name(), "台州市");
  EXPECT_EQ(by_name_["pilotZones/taizhou-jiangsu"].local_name(), "泰州市");
}

TEST_F(ReferenceData, DocumentsAgreeWithZones) {
  std::map<std::string, Document> by_name;
  for (Document& document : documents_) {
    ExpectValid(document);
    EXPECT_EQ(PrepareDocument(nullptr, document), absl::OkStatus());
    by_name[document.name()] = document;
  }
  EXPECT_EQ(by_name.size(), documents_.size());
  for (const PilotZone& zone : zones_) {
    const Document& approval = by_name[zone.approval_document()];
    EXPECT_EQ(approval.number(), zone.approval_number()) << zone.name();
    EXPECT_EQ(approval.issue_date().SerializeAsString(), zone.approval_date().SerializeAsString())
        << zone.name();
  }
}

TEST_F(ReferenceData, SupervisionModesAreValid) {
  std::vector<std::string> names;
  for (const SupervisionMode& mode : modes_) {
    ExpectValid(mode);
    names.push_back(mode.name());
  }
  EXPECT_THAT(names,
              ElementsAre("supervisionModes/9610", "supervisionModes/1210", "supervisionModes/1239",
                          "supervisionModes/9710", "supervisionModes/9810"));
}

TEST_F(ReferenceData, PoliciesAreValid) {
  for (const Policy& policy : policies_) {
    ExpectValid(policy);
    EXPECT_EQ(CheckPolicy(policy), absl::OkStatus()) << policy.name();
    for (const std::string& document : policy.documents()) {
      EXPECT_TRUE(Has(documents_, document)) << document;
    }
    for (const Policy::Clause& clause : policy.clauses()) {
      for (const std::string& mode : clause.supervision_modes()) {
        EXPECT_TRUE(Has(modes_, mode)) << mode;
      }
      for (const std::string& zone : clause.pilot_zones()) {
        EXPECT_EQ(by_name_.count(zone), 1u) << zone;
      }
    }
  }
}

TEST_F(ReferenceData, ExemptsARetailExportWithoutPurchaseInvoice) {
  EligibilityQuery query;
  query.enterprise = testing::Parse<v1::Enterprise>(R"pb(name: "enterprises/91330100799655058b"
                                                         pilot_zone: "pilotZones/hangzhou")pb");
  query.supervision_mode.set_name("supervisionModes/9610");
  query.goods.set_hs_code("6109100010");
  query.day = 20181001;
  auto outcome = [&] {
    auto response = CheckEligibility(
        query, [&](std::string_view name) { return Find(name); }, policies_);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->policies(0).outcome() : v1::OUTCOME_UNSPECIFIED;
  };
  EXPECT_EQ(outcome(), v1::NOT_EVIDENCED);
  query.evidence = testing::Parse<v1::Evidence>(R"pb(
    platform_registration_zone: "pilotZones/hangzhou"
    declaration_zone: "pilotZones/hangzhou"
    goods_logged: true
    declared_as_ecommerce_export: true
    purchase_invoice: false
  )pb");
  EXPECT_EQ(outcome(), v1::MET);
  query.day = 20180930;
  EXPECT_EQ(outcome(), v1::NOT_APPLICABLE);
  query.day = 20240802;
  query.goods.set_hs_code("7604101000");
  EXPECT_EQ(outcome(), v1::FAILED);
}

}  // namespace
}  // namespace caravan::zones
