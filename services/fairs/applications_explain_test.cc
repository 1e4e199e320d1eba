// Why an application got what it got, through a real server.
#include <string>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/resources/writer.h"
#include "services/common/testing/random.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/applications_server.h"
#include "services/fairs/testing/made_up_section.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::IsOk;
using ::testing::IsEmpty;
using ::testing::Not;
using v1::Application;

constexpr char kRun[] = "fairs/f/allocations/1";
constexpr char kSnapshot[] = "fairs/f/snapshots/1";

class ApplicationsExplainTest : public testing::ApplicationsServer {
 protected:
  absl::StatusOr<v1::ExplainApplicationResponse> Explain(const std::string& id,
                                                         const std::string& principal,
                                                         const std::string& rest = "") {
    return Call<v1::ExplainApplicationResponse, v1::ExplainApplicationRequest>(
        "ApplicationService/ExplainApplication", absl::StrCat("name: '", NameOf(id), "' ", rest),
        principal);
  }

  // Stores a run, not published, among whose inputs is the application `a`, which has
  // been decided by it.
  void StoreRun() {
    ASSERT_THAT(Load("a", Entry("1",
                                "state: SCORED score: '25' "
                                "verified_points { criterion: 'exports' points: '20' } "
                                "verified_points { criterion: 'research' points: '5' }")),
                IsOk());
    const v1::Rules rules = testing::KnownRules();
    caravan::testing::Random random(1);
    v1::SectionInputs inputs = testing::MakeUpSection({}, "s", random);
    inputs.set_name(absl::StrCat(kSnapshot, "/sectionInputs/s"));
    auto& entry = *inputs.mutable_applications(0);
    entry.set_pseudonym(Get("a")->pseudonym());
    entry.clear_exclusion();
    const std::string seed(64, '7');
    absl::StatusOr<v1::SectionResult> result = RunSection(rules, inputs, seed);
    ASSERT_THAT(result, IsOk());
    result->set_name(absl::StrCat(kRun, "/sectionResults/s"));
    v1::Snapshot snapshot;
    snapshot.set_name(kSnapshot);
    snapshot.set_state(v1::Snapshot::FROZEN);
    v1::Allocation run;
    run.set_name(kRun);
    run.set_snapshot(kSnapshot);
    run.set_stage(v1::GENERAL);
    run.set_state(v1::Allocation::PROPOSED);
    run.set_seed(seed);
    *run.mutable_rules() = rules;
    ASSERT_THAT(
        Write([&](const resources::Registry& registry, const resources::Caller& caller,
                  store::Transaction& tx) -> absl::Status {
          resources::Writer writer(registry, caller, tx);
          const auto create = [&](auto message) {
            const auto& collection = *registry.FindByMessage(*message.GetDescriptor());
            return writer.Write(collection, nullptr, message, resources::WriteKind::kCreate, "")
                .status();
          };
          for (absl::Status s : {create(snapshot), create(inputs), create(run), create(*result)}) {
            if (!s.ok()) return s;
          }
          return writer
              .Change<Application>(NameOf("a"),
                                   [&](Application& after) {
                                     after.set_allocation(kRun);
                                     return absl::OkStatus();
                                   })
              .status();
        }),
        IsOk());
  }

  void Publish() {
    ASSERT_THAT(Write([&](const resources::Registry& registry, const resources::Caller& caller,
                          store::Transaction& tx) {
                  return resources::Writer(registry, caller, tx)
                      .Change<v1::Allocation>(kRun,
                                              [&](v1::Allocation& after) {
                                                after.set_state(v1::Allocation::PUBLISHED);
                                                after.mutable_publish_time()->set_seconds(1);
                                                return absl::OkStatus();
                                              })
                      .status();
                }),
                IsOk());
  }
};

TEST_F(ApplicationsExplainTest, WhatARunDecidedIsExplainedOnceItIsPublished) {
  StoreRun();
  EXPECT_THAT(Explain("a", "users/firm1"),
              Fails(StatusCode::kFailedPrecondition, "ALLOCATION_NOT_PUBLISHED"));
  // Who may read results is told at once.
  auto explained = Explain("a", "users/organiser");
  ASSERT_THAT(explained, IsOk());
  Publish();
  auto published = Explain("a", "users/firm1");
  ASSERT_THAT(published, IsOk());
  EXPECT_EQ(published->ShortDebugString(), explained->ShortDebugString());
  EXPECT_EQ(published->allocation(), kRun);
  EXPECT_EQ(published->pseudonym(), Get("a")->pseudonym());
  EXPECT_GT(published->rank(), 0);
  EXPECT_THAT(published->explanation(), Not(IsEmpty()));
  EXPECT_THAT(Explain("a", "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_F(ApplicationsExplainTest, WhatWasInNoRunIsNotExplained) {
  StoreRun();
  Publish();
  ASSERT_THAT(Create("b", Entry("2")), IsOk());
  EXPECT_THAT(Explain("b", "users/firm2"), Fails(StatusCode::kFailedPrecondition, "NOT_ALLOCATED"));
  EXPECT_THAT(Explain("b", "users/firm2", absl::StrCat("allocation: '", kRun, "'")),
              Fails(StatusCode::kFailedPrecondition, "NOT_ALLOCATED"));
  ASSERT_THAT(Create("c", Entry("3", "section: 'fairs/f/sections/t'")), IsOk());
  EXPECT_THAT(Explain("c", "users/firm3", absl::StrCat("allocation: '", kRun, "'")),
              Fails(StatusCode::kFailedPrecondition, "NOT_ALLOCATED"));
}

}  // namespace
}  // namespace caravan::fairs
