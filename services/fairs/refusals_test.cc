// What is refused before anything runs: with which code and reason, which field is
// blamed, and that nothing is changed by it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/testing/applications_server.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using v1::Application;

class RefusalsTest : public testing::ApplicationsServer {
 protected:
  // What a call answers, and that it changes nothing.
  template <class Call>
  absl::Status Refused(Call call) {
    const int64_t before = store_->revision();
    const absl::Status status = caravan::testing::StatusOf(call());
    EXPECT_EQ(store_->revision(), before) << status;
    return status;
  }

  absl::Status SubmitRefused(const std::string& id, const std::string& entry) {
    EXPECT_THAT(Create(id, entry), IsOk());
    const absl::Status refused = Refused([&] { return Submit(id); });
    EXPECT_EQ(Get(id)->state(), Application::DRAFT);
    return refused;
  }
};

TEST_F(RefusalsTest, OfASectionThatIsClosedForTheKind) {
  EXPECT_THAT(SubmitRefused("a", Entry("1", "section: 'fairs/f/sections/special'")),
              FailsAt(StatusCode::kFailedPrecondition, "SECTION_CLOSED", Fields({"section"})));
}

TEST_F(RefusalsTest, OfMoreThanTheCap) {
  EXPECT_THAT(SubmitRefused("a", Entry("1", "maximum_booths: 11")),
              FailsAt(StatusCode::kFailedPrecondition, "ABOVE_CAP", Fields({"maximum_booths"})));
}

TEST_F(RefusalsTest, OfAnotherFirmsApplication) {
  ASSERT_THAT(Create("a", Entry("1")), IsOk());
  const auto denied = FailsAt(StatusCode::kPermissionDenied, "PERMISSION_DENIED", Fields({}));
  EXPECT_THAT(Refused([&] { return Submit("a", "users/firm2"); }), denied);
  EXPECT_THAT(Refused([&] { return Update("a", "maximum_booths: 2", "users/firm2"); }), denied);
  EXPECT_THAT(
      Refused([&] { return Step<v1::WithdrawApplicationRequest>("Withdraw", "a", "users/firm2"); }),
      denied);
  EXPECT_THAT(Refused([&] { return Create("b", Entry("1"), "users/firm2"); }), denied);
  EXPECT_THAT(Submit("a", "users/firm1"), IsOk());
}

TEST_F(RefusalsTest, OfWhatHasNoEvidence) {
  EXPECT_THAT(SubmitRefused("a", Entry("1", "claimed_points { criterion: 'exports' points: '1' }")),
              FailsAt(StatusCode::kFailedPrecondition, "EVIDENCE_MISSING",
                      Fields({"claimed_points[0].documents"})));
  const auto update = Refused([&] {
    return Call<Application, v1::UpdateApplicationRequest>(
        "ApplicationService/UpdateApplication",
        absl::StrCat("application { name: '", NameOf("a"),
                     "' claimed_points { criterion: 'exports' points: '1' "
                     "documents: 'documents/none' } } update_mask { paths: 'claimed_points' }"));
  });
  EXPECT_THAT(update, FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                              Fields({"application.claimed_points[0].documents[0]"})));
}

TEST_F(RefusalsTest, OfAPartnerWhoExhibitsElsewhereInTheSection) {
  ASSERT_THAT(Create("own", Entry("1")), IsOk());
  ASSERT_THAT(Submit("own"), IsOk());
  EXPECT_THAT(
      SubmitRefused("host", Entry("7", "joint_partners: 'enterprises/de-1'")),
      FailsAt(StatusCode::kFailedPrecondition, "PARTNER_EXHIBITS", Fields({"joint_partners"})));
}

TEST_F(RefusalsTest, OfAHallThatOverlapsAnother) {
  EXPECT_THAT(Refused([&] {
                return Call<v1::Hall, v1::CreateHallRequest>(
                    "HallService/CreateHall",
                    "parent: 'fairs/f' hall_id: '1.2' hall { x_meters: 59 width_meters: 60 "
                    "depth_meters: 60 rows { id: 'a' aisle: 'A' first_number: 1 number_step: 1 "
                    "cells: 2 direction: EAST } }");
              }),
              FailsAt(StatusCode::kFailedPrecondition, "HALLS_OVERLAP", Fields({"hall.x_meters"})));
}

TEST_F(RefusalsTest, OfQuotasAboveTheSection) {
  for (const char* delegation : {"zhejiang", "guangdong"}) {
    ASSERT_THAT(
        (Call<v1::Quota, v1::CreateQuotaRequest>(
            "QuotaService/CreateQuota",
            absl::StrCat("parent: 'fairs/f' quota_id: 's.", delegation,
                         "' quota { section: 'fairs/f/sections/s' delegation: 'delegations/",
                         delegation, "' base: 1 coefficient: '1' floor: 11 }"))),
        IsOk());
  }
  EXPECT_THAT(
      Refused([&] {
        return Call<v1::DivideQuotasResponse, v1::DivideQuotasRequest>(
            "SectionService/DivideQuotas", "name: 'fairs/f/sections/s'");
      }),
      FailsAt(StatusCode::kFailedPrecondition, "FLOORS_ABOVE_SUPPLY", Fields({"general_booths"})));
}

TEST_F(RefusalsTest, OfAnotherNumberOfAnEditionThatIsOpen) {
  EXPECT_THAT(
      Refused([&] {
        return Call<v1::Fair, v1::UpdateFairRequest>(
            "FairService/UpdateFair",
            "fair { name: 'fairs/f' edition: 137 } update_mask { paths: 'edition' }");
      }),
      FailsAt(StatusCode::kFailedPrecondition, "EDITION_IN_FORCE", Fields({"fair.edition"})));
}

}  // namespace
}  // namespace caravan::fairs
