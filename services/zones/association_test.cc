#include "services/zones/association.h"

#include <string>

#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::Parse;
using v1::Association;

Association Make(const std::string& rest) {
  return Parse<Association>(
      "name: 'associations/a' state: ACTIVE establishment_date { year: 2018 } " + rest);
}

TEST(CheckAssociation, MembershipsDoNotOverlap) {
  EXPECT_THAT(CheckAssociation(Make("members { enterprise: 'enterprises/a' "
                                    "join_date { year: 2019 } leave_date { year: 2020 } } "
                                    "members { enterprise: 'enterprises/b' "
                                    "join_date { year: 2019 } } "
                                    "members { enterprise: 'enterprises/a' "
                                    "join_date { year: 2020 } }")),
              IsOk());
  EXPECT_THAT(
      CheckAssociation(Make("members { enterprise: 'enterprises/a' "
                            "join_date { year: 2019 } } "
                            "members { enterprise: 'enterprises/a' "
                            "join_date { year: 2018 } leave_date { year: 2019 "
                            "month: 1 day: 2 } }")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"members[1].enterprise"})));
  EXPECT_THAT(
      CheckAssociation(Make("members { enterprise: 'enterprises/a' "
                            "join_date { year: 2019 } leave_date { year: 2019 } }")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"members[0].leave_date"})));
}

TEST(CheckAssociation, OnlyADissolvedOneHasEnded) {
  Association association = Make("dissolution_date { year: 2019 }");
  EXPECT_THAT(CheckAssociation(association), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                                     Fields({"dissolution_date"})));
  association.set_state(Association::DISSOLVED);
  EXPECT_THAT(CheckAssociation(association), IsOk());
  association.mutable_dissolution_date()->set_year(2017);
  EXPECT_THAT(CheckAssociation(association), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                                     Fields({"dissolution_date"})));
}

TEST(CheckReport, TheIdIsThatOfMemberAndYear) {
  auto report = Parse<v1::Report>(
      "name: 'associations/a/reports/de-hrb1-2025' enterprise: 'enterprises/de-hrb1' year: 2025 "
      "submission_date { year: 2025 month: 12 }");
  EXPECT_THAT(CheckReport(report), IsOk());
  report.set_year(2024);
  EXPECT_THAT(CheckReport(report),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"name"})));
  report.set_name("associations/a/reports/de-hrb2-2024");
  EXPECT_THAT(CheckReport(report),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"name"})));
  report.set_name("associations/a/reports/de-hrb1-2024");
  report.mutable_submission_date()->set_year(2023);
  EXPECT_THAT(CheckReport(report),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"submission_date"})));
}

TEST(CheckReportingMember, WasAMemberOnSomeDayOfTheYear) {
  const Association association = Make(
      "members { enterprise: 'enterprises/a' join_date { year: 2019 month: 12 day: 31 } "
      "leave_date { year: 2021 } }");
  const auto check = [&](int year) {
    v1::Report report;
    report.set_enterprise("enterprises/a");
    report.set_year(year);
    return CheckReportingMember(report, association);
  };
  EXPECT_THAT(check(2018), Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_THAT(check(2019), IsOk());
  EXPECT_THAT(check(2020), IsOk());
  EXPECT_THAT(check(2021), Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_FALSE(HasMember(association, "enterprises/b", {20190101, 20220101}));
}

}  // namespace
}  // namespace caravan::zones
