// Objections to a published run: when they are taken, whose they are, and who decides.
#include <algorithm>
#include <string>

#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/testing/edition.h"
#include "services/fairs/testing/edition_server.h"

namespace caravan::fairs {
namespace {

using caravan::testing::Fails;
using caravan::testing::IsOk;
using testing::EditionServer;
using v1::Allocation;
using v1::Objection;

class ObjectionsTest : public ::testing::Test {
 protected:
  ObjectionsTest()
      : server_(testing::MakeEdition(
            {.sections = 2, .booths = 120, .applications = 40, .delegations = 2})) {
    server_.Load();
    const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
    server_.Draw(v1::BRAND);
    run_ = server_.Run(snapshot).name();
  }

  absl::StatusOr<Objection> Object(const std::string& application,
                                   const std::string& principal = "users/admin") {
    v1::CreateObjectionRequest create;
    create.set_parent(run_);
    create.mutable_objection()->set_application(application);
    create.mutable_objection()->set_statement("A certificate was not counted.");
    return server_.Call<Objection>("ObjectionService/CreateObjection", create, principal);
  }

  absl::StatusOr<Objection> Dismiss(const std::string& objection, const std::string& principal) {
    v1::DismissObjectionRequest dismiss;
    dismiss.set_name(objection);
    dismiss.set_decision("It had expired.");
    return server_.Call<Objection>("ObjectionService/DismissObjection", dismiss, principal);
  }

  // That of `users/exhibitor`.
  const v1::Application& own() { return server_.edition().applications[0]; }

  int64_t revision() { return server_.fairs().host().store().revision(); }

  EditionServer server_;
  std::string run_;
};

TEST_F(ObjectionsTest, AreTakenWhileTheyAreDue) {
  EXPECT_THAT(Object(own().name()),
              Fails(absl::StatusCode::kFailedPrecondition, "OBJECTIONS_CLOSED"));
  server_.Publish(run_);
  const auto objection = Object(own().name());
  ASSERT_THAT(objection, IsOk());
  EXPECT_EQ(objection->enterprise(), own().enterprise());
  EXPECT_THAT(Dismiss(objection->name(), "users/admin"),
              Fails(absl::StatusCode::kFailedPrecondition, "FOUR_EYES"));
  const auto dismissed = Dismiss(objection->name(), "users/second");
  ASSERT_THAT(dismissed, IsOk());
  EXPECT_EQ(dismissed->state(), Objection::DISMISSED);
  server_.clock().Advance(absl::Hours(24 * 6));
  EXPECT_THAT(Object(own().name()),
              Fails(absl::StatusCode::kFailedPrecondition, "OBJECTIONS_CLOSED"));
}

TEST_F(ObjectionsTest, AnExhibitorObjectsOnlyForItself) {
  server_.Publish(run_);
  const auto& applications = server_.edition().applications;
  const auto other = std::find_if(applications.begin(), applications.end(), [&](const auto& any) {
    return any.enterprise() != own().enterprise();
  });
  ASSERT_NE(other, applications.end());
  const int64_t before = revision();
  EXPECT_THAT(Object(other->name(), "users/exhibitor"),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_EQ(revision(), before);
  const auto objection = Object(own().name(), "users/exhibitor");
  ASSERT_THAT(objection, IsOk());
  EXPECT_EQ(objection->filer(), "users/exhibitor");

  const auto others = Object(other->name());
  ASSERT_THAT(others, IsOk());
  v1::ListObjectionsRequest list;
  list.set_parent(run_);
  const auto seen = server_.Must<v1::ListObjectionsResponse>("ObjectionService/ListObjections",
                                                             list, "users/exhibitor");
  ASSERT_EQ(seen.objections_size(), 1);
  EXPECT_EQ(seen.objections(0).name(), objection->name());
  v1::GetObjectionRequest get;
  get.set_name(others->name());
  EXPECT_THAT(server_.Call<Objection>("ObjectionService/GetObjection", get, "users/exhibitor"),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

}  // namespace
}  // namespace caravan::fairs
