// Platforms, associations and reports, through a real server.
#include <string>

#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/platforms.pb.h"
#include "caravan/zones/v1/reports.pb.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/zones_server.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::kHangzhouFirm;
using testing::kNingboFirm;

constexpr char kOperator[] = "enterprises/91330108madem0003g";

class PlatformsAndAssociationsTest : public testing::ZonesServer {
 protected:
  PlatformsAndAssociationsTest()
      : ZonesServer({{"users/operator", "zones.platforms.*", kOperator},
                     {"users/firm", "zones.reports.*", kHangzhouFirm},
                     {"users/association", "*", "associations/hz"}}) {
    const auto load = [&](const std::string& roles) {
      return Call<v1::LoadEnterprisesResponse, v1::LoadEnterprisesRequest>(
          "EnterpriseService/LoadEnterprises",
          std::string("enterprises { name: '") + kOperator +
              "' display_name: 'Operator' country: 'CN' roles: " + roles + " }");
    };
    EXPECT_THAT(load("PLATFORM_OPERATOR"), IsOk());
  }

  absl::StatusOr<v1::Platform> CreatePlatform(const std::string& rest,
                                              const std::string& operator_name = kOperator,
                                              const std::string& principal = "users/admin") {
    return Call<v1::Platform, v1::CreatePlatformRequest>(
        "PlatformService/CreatePlatform",
        "platform_id: 'p' platform { display_name: 'P' operator: '" + operator_name +
            "' kind: B2B registration_date { year: 2020 month: 5 } " + rest + " }",
        principal);
  }

  absl::StatusOr<v1::Association> CreateAssociation(const std::string& rest = "",
                                                    const std::string& principal = "users/admin") {
    return Call<v1::Association, v1::CreateAssociationRequest>(
        "AssociationService/CreateAssociation",
        "association_id: 'hz' association { display_name: 'A' pilot_zone: 'pilotZones/hangzhou' "
        "establishment_date { year: 2016 } code_of_conduct: 'documents/d1' "
        "members { enterprise: '" +
            std::string(kHangzhouFirm) + "' join_date { year: 2024 } } " + rest + " }",
        principal);
  }

  absl::StatusOr<v1::Report> CreateReport(const std::string& firm, int year, const std::string& id,
                                          const std::string& principal = "users/admin",
                                          const std::string& parent = "associations/hz") {
    return Call<v1::Report, v1::CreateReportRequest>(
        "ReportService/CreateReport",
        "parent: '" + parent + "' report_id: '" + id + "' report { enterprise: '" + firm +
            "' year: " + std::to_string(year) +
            " compliance: 'c' fair_competition: 'f' social_responsibility: 's' "
            "documents: 'documents/d2' submission_date { year: 2026 } }",
        principal);
  }
};

TEST_P(PlatformsAndAssociationsTest, APlatformIsOperatedByAnOperator) {
  EXPECT_THAT(CreatePlatform("", kHangzhouFirm),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_PLATFORM_OPERATOR"));
  EXPECT_THAT(
      CreatePlatform("", "enterprises/de-hrb1"),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"platform.operator"})));
  EXPECT_THAT(
      CreatePlatform("markets: 'XX' sellers: 'enterprises/de-hrb1'"),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"platform.markets[0]"})));
  EXPECT_THAT(CreatePlatform("categories { id: 'a' title: 'A' goods_class: CONSUMER_GOODS "
                             "start_date { year: 2021 } }"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"platform.categories[0].goods_class"})));
  auto platform = CreatePlatform("pilot_zone: 'pilotZones/hangzhou' markets: 'DE' sellers: '" +
                                 std::string(kNingboFirm) + "'");
  ASSERT_THAT(platform, IsOk());
  EXPECT_EQ(platform->state(), v1::Platform::REGISTERED);
  // It cannot be handed over to a firm that is none.
  EXPECT_THAT((Call<v1::Platform, v1::UpdatePlatformRequest>(
                  "PlatformService/UpdatePlatform",
                  "platform { name: 'platforms/p' operator: '" + std::string(kNingboFirm) + "' }")),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_PLATFORM_OPERATOR"));
  EXPECT_THAT((Call<v1::Platform, v1::UpdatePlatformRequest>(
                  "PlatformService/UpdatePlatform", "platform { name: 'platforms/p' kind: B2C }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"platform.kind"})));
  // Who sells on it, or runs it, is kept.
  EXPECT_THAT(
      (Call<google::protobuf::Empty, v1::DeleteEnterpriseRequest>(
          "EnterpriseService/DeleteEnterprise", "name: '" + std::string(kNingboFirm) + "'")),
      Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

TEST_P(PlatformsAndAssociationsTest, APlatformsStates) {
  ASSERT_THAT(CreatePlatform(""), IsOk());
  const auto suspend = [&] {
    return Call<v1::Platform, v1::SuspendPlatformRequest>("PlatformService/SuspendPlatform",
                                                          "name: 'platforms/p'");
  };
  const auto reinstate = [&] {
    return Call<v1::Platform, v1::ReinstatePlatformRequest>("PlatformService/ReinstatePlatform",
                                                            "name: 'platforms/p'");
  };
  const auto close = [&](const std::string& date) {
    return Call<v1::Platform, v1::ClosePlatformRequest>(
        "PlatformService/ClosePlatform", "name: 'platforms/p' close_date {" + date + "}");
  };
  EXPECT_THAT(suspend(), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  ASSERT_THAT((Call<v1::Platform, v1::ActivatePlatformRequest>("PlatformService/ActivatePlatform",
                                                               "name: 'platforms/p'")),
              IsOk());
  EXPECT_THAT(reinstate(), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  ASSERT_THAT(suspend(), IsOk());
  auto active = reinstate();
  ASSERT_THAT(active, IsOk());
  EXPECT_EQ(active->state(), v1::Platform::ACTIVE);
  EXPECT_THAT(close("year: 2019"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"close_date"})));
  ASSERT_THAT(close("year: 2025"), IsOk());
  EXPECT_THAT(close("year: 2026"), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  const auto count = [&](const std::string& date) {
    auto list = Call<v1::ListPlatformsResponse, v1::ListPlatformsRequest>(
        "PlatformService/ListPlatforms", "effective_date {" + date + "}");
    return list.ok() ? list->platforms_size() : -1;
  };
  EXPECT_EQ(count("year: 2020 month: 4 day: 30"), 0);
  EXPECT_EQ(count("year: 2024 month: 12 day: 31"), 1);
  EXPECT_EQ(count("year: 2025"), 0);
}

TEST_P(PlatformsAndAssociationsTest, AnOperatorKeepsItsPlatforms) {
  EXPECT_THAT(CreatePlatform("", kOperator, "users/ningbo"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  ASSERT_THAT(CreatePlatform("pilot_zone: 'pilotZones/hangzhou'", kOperator, "users/hangzhou"),
              IsOk());
  const auto add = [&](const std::string& principal) {
    return Call<v1::Platform, v1::UpdatePlatformRequest>(
        "PlatformService/UpdatePlatform",
        "platform { name: 'platforms/p' service_functions { id: 'f' title: 'F' "
        "start_date { year: 2021 } } }",
        principal);
  };
  EXPECT_THAT(add("users/operator"), IsOk());
  EXPECT_THAT(add("users/hangzhou"), IsOk());
  EXPECT_THAT(add("users/ningbo"), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  const auto listed = [&](const std::string& principal) {
    auto list = Call<v1::ListPlatformsResponse, v1::ListPlatformsRequest>(
        "PlatformService/ListPlatforms", "", principal);
    return list.ok() ? list->platforms_size() : -1;
  };
  EXPECT_EQ(listed("users/operator"), 1);
  EXPECT_EQ(listed("users/ningbo"), 0);
}

TEST_P(PlatformsAndAssociationsTest, SummarizesAdditions) {
  ASSERT_THAT(CreatePlatform("pilot_zone: 'pilotZones/hangzhou' "
                             "categories { id: 'a' title: 'A' goods_class: PARTS "
                             "start_date { year: 2021 month: 2 } } "
                             "service_functions { id: 'f' title: 'F' start_date { year: 2021 } }"),
              IsOk());
  const auto summarize = [&](const std::string& rest, const std::string& principal) {
    return Call<v1::SummarizePlatformsResponse, v1::SummarizePlatformsRequest>(
        "PlatformService/SummarizePlatforms",
        "start_date { year: 2020 } end_date { year: 2022 } interval: YEAR " + rest, principal);
  };
  auto all = summarize("", "users/admin");
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->periods_size(), 2);
  EXPECT_EQ(all->periods(0).platforms().b2b_count(), 1);
  EXPECT_FALSE(all->periods(0).category_additions().has_b2b_share());
  EXPECT_EQ(all->periods(1).category_additions().b2b_count(), 1);
  EXPECT_DOUBLE_EQ(all->periods(1).function_additions().b2b_share(), 1);

  auto ningbo = summarize("pilot_zone: 'pilotZones/ningbo'", "users/ningbo");
  ASSERT_THAT(ningbo, IsOk());
  EXPECT_EQ(ningbo->periods(1).platforms().b2b_count(), 0);
  EXPECT_THAT(summarize("pilot_zone: 'pilotZones/hangzhou'", "users/ningbo"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(summarize("", "users/ningbo"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(summarize("pilot_zone: 'pilotZones/none'", "users/admin"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT((Call<v1::SummarizePlatformsResponse, v1::SummarizePlatformsRequest>(
                  "PlatformService/SummarizePlatforms",
                  "start_date { year: 2020 } end_date { year: 2019 }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"end_date"})));
}

TEST_P(PlatformsAndAssociationsTest, AnAssociationBelongsToAZone) {
  EXPECT_THAT(CreateAssociation("", "users/ningbo"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(CreateAssociation("members { enterprise: '" + std::string(kHangzhouFirm) +
                                "' join_date { year: 2025 } }"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"association.members[1].enterprise"})));
  EXPECT_THAT(CreateAssociation("members { enterprise: 'enterprises/de-hrb1' "
                                "join_date { year: 2025 } }"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"association.members[1].enterprise"})));
  ASSERT_THAT(CreateAssociation("", "users/hangzhou"), IsOk());
  const auto dissolve = [&](const std::string& date) {
    return Call<v1::Association, v1::DissolveAssociationRequest>(
        "AssociationService/DissolveAssociation",
        "name: 'associations/hz' dissolution_date {" + date + "}", "users/association");
  };
  EXPECT_THAT(dissolve("year: 2015"), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                              Fields({"dissolution_date"})));
  EXPECT_THAT(dissolve("year: 2026"), IsOk());
  EXPECT_THAT(dissolve("year: 2026"), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
}

TEST_P(PlatformsAndAssociationsTest, AMemberReportsOnceAYear) {
  const std::string firm = kHangzhouFirm;
  const std::string id = firm.substr(12);
  ASSERT_THAT(CreateAssociation(), IsOk());
  EXPECT_THAT(CreateReport(firm, 2025, id + "-2024"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"report.name"})));
  EXPECT_THAT(CreateReport(firm, 2025, ""),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"report_id"})));
  EXPECT_THAT(CreateReport(firm, 2023, id + "-2023"),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_THAT(CreateReport(kNingboFirm, 2025, std::string(kNingboFirm).substr(12) + "-2025"),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_THAT(
      CreateReport(firm, 2025, id + "-2025", "users/admin", "associations/none"),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"report.name"})));
  // A firm reports for itself; its association may too.
  EXPECT_THAT(
      CreateReport(kNingboFirm, 2025, std::string(kNingboFirm).substr(12) + "-2025", "users/firm"),
      Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  ASSERT_THAT(CreateReport(firm, 2025, id + "-2025", "users/firm"), IsOk());
  EXPECT_THAT(CreateReport(firm, 2025, id + "-2025"),
              Fails(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  ASSERT_THAT(CreateReport(firm, 2024, id + "-2024", "users/association"), IsOk());
  const auto listed = [&](const std::string& parent, const std::string& principal) {
    auto list = Call<v1::ListReportsResponse, v1::ListReportsRequest>(
        "ReportService/ListReports", "parent: '" + parent + "'", principal);
    return list.ok() ? list->reports_size() : -1;
  };
  EXPECT_EQ(listed("associations/hz", "users/association"), 2);
  EXPECT_EQ(listed("associations/-", "users/firm"), 2);
  EXPECT_EQ(listed("associations/-", "users/admin"), 2);
  EXPECT_THAT((Call<v1::Report, v1::UpdateReportRequest>(
                  "ReportService/UpdateReport",
                  "report { name: 'associations/hz/reports/" + id + "-2025' year: 2024 }")),
              Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  // An association with reports is kept.
  EXPECT_THAT((Call<google::protobuf::Empty, v1::DeleteAssociationRequest>(
                  "AssociationService/DeleteAssociation", "name: 'associations/hz'")),
              Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

INSTANTIATE_TEST_SUITE_P(Engines, PlatformsAndAssociationsTest,
                         ::testing::ValuesIn(store::TestStores()), store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
