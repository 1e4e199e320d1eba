// A small edition's course, from frozen inputs to positions, with zones beside it.
#include "services/fairs/runs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "gmock/gmock.h"
#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/fairs/fairs.h"
#include "services/fairs/lottery.h"
#include "services/fairs/testing/edition.h"
#include "services/fairs/verify_bundle.h"
#include "services/zones/zones.h"

namespace caravan::fairs {
namespace {

using caravan::testing::CallOptions;
using caravan::testing::Fails;
using caravan::testing::TestClock;
using caravan::testing::TestServer;
using google::longrunning::Operation;
using ::testing::IsEmpty;
using v1::Allocation;
using v1::Application;

constexpr char kFair[] = "fairs/canton-136";

class RunsTest : public ::testing::Test {
 protected:
  RunsTest() {
    testing::EditionOptions options;
    options.sections = 3;
    options.booths = 240;
    options.applications = 120;
    options.delegations = 4;
    edition_ = testing::MakeEdition(options);

    TestServer::Options zones;
    zones.definition = zones::ZonesDefinition();
    zones.clock = clock_.AsFunction();
    zones.access = caravan::testing::PolicyOf({{"users/admin", "*"}, {"services/fairs", "*"}});
    zones_ = TestServer::Start(std::move(zones));
    TestServer::Options fairs;
    fairs.definition = FairsDefinition();
    fairs.clock = clock_.AsFunction();
    fairs.access =
        caravan::testing::PolicyOf({{"users/admin", "*"},
                                    {"users/second", "*"},
                                    {"users/visitor", "fairs.allocations.exportBundle"}});
    fairs.adjust = [this](settings::ServerSettings& settings) {
      settings.add_peer(absl::StrCat("zones=", zones_->address()));
    };
    fairs_ = TestServer::Start(std::move(fairs));
  }

  template <class Response, class Request>
  Response Must(const std::string& method, const Request& request,
                const std::string& principal = "users/admin") {
    CallOptions options;
    options.principal = principal;
    auto response = fairs_->Call<Response>(method, request, options);
    EXPECT_TRUE(response.ok()) << method << ": " << response.status();
    return response.ok() ? *response : Response();
  }

  // Everything of the edition, up to applications that are scored.
  void Load() {
    LoadZones();
    v1::CreateFairRequest fair;
    *fair.mutable_fair() = edition_.fair;
    fair.set_fair_id("canton-136");
    Must<v1::Fair>("FairService/CreateFair", fair);
    for (const auto& delegation : edition_.delegations) {
      v1::CreateDelegationRequest request;
      *request.mutable_delegation() = delegation;
      request.set_delegation_id(IdOf(delegation.name()));
      Must<v1::Delegation>("DelegationService/CreateDelegation", request);
    }
    for (const auto& section : edition_.sections) {
      v1::CreateSectionRequest request;
      request.set_parent(kFair);
      *request.mutable_section() = section;
      request.set_section_id(IdOf(section.name()));
      Must<v1::Section>("SectionService/CreateSection", request);
    }
    for (const auto& quota : edition_.quotas) {
      v1::CreateQuotaRequest request;
      request.set_parent(kFair);
      *request.mutable_quota() = quota;
      request.set_quota_id(IdOf(quota.name()));
      Must<v1::Quota>("QuotaService/CreateQuota", request);
    }
    for (const auto& hall : edition_.halls) {
      v1::CreateHallRequest request;
      request.set_parent(kFair);
      *request.mutable_hall() = hall;
      request.set_hall_id(IdOf(hall.name()));
      Must<v1::Hall>("HallService/CreateHall", request);
    }
    for (const auto& plan : edition_.floor_plans) {
      v1::CreateFloorPlanRequest request;
      request.set_parent(kFair);
      *request.mutable_floor_plan() = plan;
      request.set_floor_plan_id(IdOf(plan.name()));
      Must<v1::FloorPlan>("FloorPlanService/CreateFloorPlan", request);
    }
    for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) {
      v1::CommitLotteryRequest request;
      request.set_name(kFair);
      request.set_stage(stage);
      request.set_commitment(LotteryCommitment(Secret(stage)));
      Must<v1::Fair>("FairService/CommitLottery", request);
    }
    v1::OpenFairRequest open;
    open.set_name(kFair);
    Must<v1::Fair>("FairService/OpenFair", open);
    v1::LoadApplicationsRequest load;
    load.set_parent(kFair);
    for (const auto& application : edition_.applications) *load.add_applications() = application;
    Must<v1::LoadApplicationsResponse>("ApplicationService/LoadApplications", load);
    v1::CloseApplicationsFairRequest close;
    close.set_name(kFair);
    Must<v1::Fair>("FairService/CloseApplicationsFair", close);
    for (const auto& section : edition_.sections) {
      v1::DivideQuotasRequest request;
      request.set_name(section.name());
      Must<v1::DivideQuotasResponse>("SectionService/DivideQuotas", request);
    }
  }

  void LoadZones() {
    for (const auto& document : edition_.documents) {
      zones::v1::CreateDocumentRequest request;
      *request.mutable_document() = document;
      request.set_document_id(IdOf(document.name()));
      EXPECT_TRUE(
          zones_->Call<zones::v1::Document>("DocumentService/CreateDocument", request).ok());
    }
    zones::v1::LoadEnterprisesRequest load;
    for (const auto& enterprise : edition_.enterprises) *load.add_enterprises() = enterprise;
    auto loaded =
        zones_->Call<zones::v1::LoadEnterprisesResponse>("EnterpriseService/LoadEnterprises", load);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
  }

  static std::string IdOf(const std::string& name) { return name.substr(name.rfind('/') + 1); }
  static std::string Secret(v1::Stage stage) {
    return absl::StrCat("the secret of stage ", v1::Stage_Name(stage));
  }

  template <class T>
  absl::StatusOr<T> Await(const Operation& started) {
    google::longrunning::WaitOperationRequest wait;
    wait.set_name(started.name());
    wait.mutable_timeout()->set_seconds(15);
    CallOptions options;
    auto done = fairs_->caller().CallPath<Operation>("/google.longrunning.Operations/WaitOperation",
                                                     wait, options);
    if (!done.ok()) return done.status();
    if (!done->done()) return absl::DeadlineExceededError("the operation is not done");
    if (done->has_error()) return api::FromRpcStatus(done->error());
    T response;
    if (!done->response().UnpackTo(&response)) return absl::DataLossError("another response");
    return response;
  }

  v1::Snapshot Freeze(v1::Stage stage, bool waiting_list = false) {
    v1::FreezeSnapshotRequest request;
    request.set_parent(kFair);
    request.set_stage(stage);
    request.set_waiting_list(waiting_list);
    auto snapshot = Await<v1::Snapshot>(Must<Operation>("SnapshotService/FreezeSnapshot", request));
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *snapshot : v1::Snapshot();
  }

  void Draw(v1::Stage stage) {
    clock_.Advance(absl::Hours(1));
    v1::RevealLotteryRequest request;
    request.set_name(kFair);
    request.set_stage(stage);
    request.set_secret(Secret(stage));
    request.set_public_value("4 0 7");
    request.set_public_source("a public draw of the evening");
    request.mutable_public_time()->set_seconds(absl::ToUnixSeconds(clock_.Now()) - 60);
    Must<v1::Fair>("FairService/RevealLottery", request);
  }

  v1::RunAllocationRequest RunRequest(const v1::Snapshot& snapshot) {
    v1::RunAllocationRequest request;
    request.set_parent(kFair);
    request.set_snapshot(snapshot.name());
    return request;
  }

  Allocation Run(const v1::Snapshot& snapshot) {
    auto run =
        Await<Allocation>(Must<Operation>("AllocationService/RunAllocation", RunRequest(snapshot)));
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? *run : Allocation();
  }

  Allocation Publish(const std::string& name) {
    v1::PublishAllocationRequest request;
    request.set_name(name);
    auto published =
        Must<Allocation>("AllocationService/PublishAllocation", request, "users/second");
    Operation publication;
    publication.set_name(published.publication());
    EXPECT_TRUE(Await<Allocation>(publication).ok());
    return published;
  }

  std::vector<Application> Applications() {
    v1::ListApplicationsRequest request;
    request.set_parent(kFair);
    request.set_page_size(1000);
    auto list = Must<v1::ListApplicationsResponse>("ApplicationService/ListApplications", request);
    return {list.applications().begin(), list.applications().end()};
  }

  std::vector<v1::Bundle> Bundles(const Allocation& run,
                                  const std::string& principal = "users/visitor") {
    std::vector<v1::Bundle> bundles;
    for (const std::string& section : run.sections()) {
      v1::ExportBundleRequest request;
      request.set_name(run.name());
      request.set_section(section);
      bundles.push_back(Must<v1::Bundle>("AllocationService/ExportBundle", request, principal));
    }
    return bundles;
  }

  static std::vector<std::string> Problems(const std::vector<v1::Bundle>& bundles) {
    std::vector<std::string> problems;
    for (const Finding& finding : VerifyBundles(bundles)) {
      problems.push_back(absl::StrCat(finding.subject, ": ", finding.message));
    }
    return problems;
  }

  void ConfirmAll() {
    for (const Application& application : Applications()) {
      if (application.state() != Application::ALLOTTED) continue;
      v1::ConfirmApplicationRequest request;
      request.set_name(application.name());
      Must<Application>("ApplicationService/ConfirmApplication", request);
    }
  }

  // Stages BRAND and GENERAL, published, and all confirmed.
  void Allot() {
    for (const v1::Stage stage : {v1::BRAND, v1::GENERAL}) {
      const v1::Snapshot snapshot = Freeze(stage);
      Draw(stage);
      const Allocation run = Run(snapshot);
      EXPECT_EQ(run.state(), Allocation::PROPOSED);
      Publish(run.name());
      EXPECT_THAT(Problems(Bundles(run)), IsEmpty());
    }
    ConfirmAll();
  }

  TestClock clock_{absl::FromUnixSeconds(1'717'200'000)};  // 2024-06-01
  testing::Edition edition_;
  std::unique_ptr<TestServer> zones_;
  std::unique_ptr<TestServer> fairs_;
};

TEST_F(RunsTest, GivesBoothsAndPositionsAndEverybodyCanCheckIt) {
  Load();
  Allot();
  std::map<std::string, int64_t> given;
  for (const Application& application : Applications()) {
    if (application.state() == Application::CONFIRMED) {
      given[application.section()] += application.allotted_booths();
      EXPECT_LE(application.allotted_booths(), application.maximum_booths());
      EXPECT_GE(application.allotted_booths(), application.minimum_booths());
    }
  }
  for (const v1::Section& section : edition_.sections) {
    EXPECT_GT(given[section.name()], 0);
    EXPECT_LE(given[section.name()],
              section.brand_booths() + section.general_booths() + section.newcomer_booths());
  }

  const v1::Snapshot snapshot = Freeze(v1::PLACEMENT);
  Draw(v1::PLACEMENT);
  const Allocation run = Run(snapshot);
  Publish(run.name());
  EXPECT_THAT(Problems(Bundles(run)), IsEmpty());
  std::set<std::string> cells;
  int64_t positioned = 0;
  for (const Application& application : Applications()) {
    if (application.state() != Application::POSITIONED) continue;
    positioned += application.allotted_booths();
    EXPECT_EQ(application.position().cells_size(), application.allotted_booths());
    const std::string phase = [&] {
      for (const auto& section : edition_.sections) {
        if (section.name() == application.section()) return section.phase();
      }
      return std::string();
    }();
    for (const std::string& cell : application.position().cells()) {
      EXPECT_TRUE(cells.insert(absl::StrCat(phase, " ", cell)).second) << cell;
    }
  }
  EXPECT_EQ(positioned, run.booths());
  EXPECT_GT(positioned, 0);
  EXPECT_GE(run.booths_bound(), run.booths());
}

TEST_F(RunsTest, GivesTheSameBytesEveryTime) {
  Load();
  const v1::Snapshot snapshot = Freeze(v1::BRAND);
  Draw(v1::BRAND);
  const Allocation first = Run(snapshot);
  const Allocation second = Run(snapshot);
  EXPECT_EQ(first.digest(), second.digest());
  v1::GetAllocationRequest get;
  get.set_name(first.name());
  EXPECT_EQ(Must<Allocation>("AllocationService/GetAllocation", get).state(),
            Allocation::SUPERSEDED);
  // And of the same state, the same inputs.
  EXPECT_EQ(Freeze(v1::BRAND).digest(), snapshot.digest());
}

TEST_F(RunsTest, MovesNobodyWhoHasConfirmedAndGivesWhatIsReturned) {
  Load();
  Allot();
  std::map<std::string, Application> before;
  const Application* returned = nullptr;
  for (const Application& application : Applications()) before[application.name()] = application;
  for (const auto& [name, application] : before) {
    if (application.kind() == Application::GENERAL && !application.newcomer() &&
        application.state() == Application::CONFIRMED &&
        (returned == nullptr || application.allotted_booths() > returned->allotted_booths())) {
      returned = &application;
    }
  }
  ASSERT_NE(returned, nullptr);
  v1::ReturnApplicationRequest request;
  request.set_name(returned->name());
  request.set_return_reason("no longer needed");
  Must<Application>("ApplicationService/ReturnApplication", request);
  const v1::Snapshot snapshot = Freeze(v1::GENERAL, true);
  const Allocation run = Run(snapshot);
  Publish(run.name());
  EXPECT_THAT(Problems(Bundles(run)), IsEmpty());
  int64_t reallotted = 0;
  for (const Application& application : Applications()) {
    const Application& was = before.at(application.name());
    if (was.state() == Application::CONFIRMED && application.name() != returned->name()) {
      EXPECT_EQ(application.SerializeAsString(), was.SerializeAsString());
    }
    if (was.state() == Application::WAITLISTED && application.state() == Application::ALLOTTED) {
      reallotted += application.allotted_booths();
    }
  }
  EXPECT_GT(reallotted, 0);
}

TEST_F(RunsTest, RefusesWhatMayNotBe) {
  Load();
  v1::FreezeSnapshotRequest freeze;
  freeze.set_parent(kFair);
  freeze.set_stage(v1::BRAND);
  const v1::Snapshot snapshot = Freeze(v1::BRAND);
  EXPECT_THAT(
      fairs_->Call<Operation>("AllocationService/RunAllocation", RunRequest(snapshot)).status(),
      Fails(absl::StatusCode::kFailedPrecondition, "LOTTERY_NOT_DRAWN"));
  Draw(v1::BRAND);
  const Allocation run = Run(snapshot);

  // One's own, and what nobody may see yet.
  v1::PublishAllocationRequest publish;
  publish.set_name(run.name());
  EXPECT_THAT(fairs_->Call<Allocation>("AllocationService/PublishAllocation", publish).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "FOUR_EYES"));
  v1::ExportBundleRequest bundle;
  bundle.set_name(run.name());
  bundle.set_section(run.sections(0));
  CallOptions visitor;
  visitor.principal = "users/visitor";
  EXPECT_THAT(fairs_->Call<v1::Bundle>("AllocationService/ExportBundle", bundle, visitor).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "ALLOCATION_NOT_PUBLISHED"));

  // What is superseded, of older inputs, or of other rules.
  const Allocation rerun = Run(snapshot);
  CallOptions second;
  second.principal = "users/second";
  EXPECT_THAT(
      fairs_->Call<Allocation>("AllocationService/PublishAllocation", publish, second).status(),
      Fails(absl::StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  v1::SimulateAllocationRequest simulate;
  simulate.set_name(rerun.name());
  *simulate.mutable_rules() = rerun.rules();
  simulate.mutable_rules()->set_firm_cap(4);
  auto simulated =
      Await<Allocation>(Must<Operation>("AllocationService/SimulateAllocation", simulate));
  ASSERT_TRUE(simulated.ok()) << simulated.status();
  EXPECT_NE(simulated->digest(), rerun.digest());
  publish.set_name(simulated->name());
  EXPECT_THAT(
      fairs_->Call<Allocation>("AllocationService/PublishAllocation", publish, second).status(),
      Fails(absl::StatusCode::kFailedPrecondition, "SIMULATION_NOT_PUBLISHABLE"));
  v1::CompareAllocationsRequest compare;
  compare.set_name(rerun.name());
  compare.set_other(simulated->name());
  const auto compared =
      Must<v1::CompareAllocationsResponse>("AllocationService/CompareAllocations", compare);
  EXPECT_EQ(compared.sections_size(), rerun.sections_size());
  EXPECT_GT(compared.differing_applications(), 0);
  Freeze(v1::BRAND);
  publish.set_name(rerun.name());
  EXPECT_THAT(
      fairs_->Call<Allocation>("AllocationService/PublishAllocation", publish, second).status(),
      Fails(absl::StatusCode::kFailedPrecondition, "INPUTS_CHANGED"));
}

TEST_F(RunsTest, DryRunsAreComputedAndNotKept) {
  Load();
  const v1::Snapshot snapshot = Freeze(v1::BRAND);
  Draw(v1::BRAND);
  v1::RunAllocationRequest request = RunRequest(snapshot);
  request.set_dry_run(true);
  auto dry = Await<Allocation>(Must<Operation>("AllocationService/RunAllocation", request));
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->name(), "");
  EXPECT_GT(dry->booths(), 0);
  v1::ListAllocationsRequest list;
  list.set_parent(kFair);
  EXPECT_EQ(Must<v1::ListAllocationsResponse>("AllocationService/ListAllocations", list)
                .allocations_size(),
            0);
  EXPECT_EQ(Run(snapshot).digest(), dry->digest());
}

TEST_F(RunsTest, FreezesNothingWhileZonesIsAway) {
  Load();
  zones_.reset();
  v1::FreezeSnapshotRequest request;
  request.set_parent(kFair);
  request.set_stage(v1::GENERAL);
  const auto frozen =
      Await<v1::Snapshot>(Must<Operation>("SnapshotService/FreezeSnapshot", request));
  EXPECT_THAT(frozen.status(), Fails(absl::StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
  v1::ListSnapshotsRequest list;
  list.set_parent(kFair);
  const auto snapshots =
      Must<v1::ListSnapshotsResponse>("SnapshotService/ListSnapshots", list).snapshots();
  ASSERT_EQ(snapshots.size(), 1);
  EXPECT_EQ(snapshots[0].state(), v1::Snapshot::FAILED);
}

TEST_F(RunsTest, TakesObjectionsWhileTheyAreDue) {
  Load();
  const v1::Snapshot snapshot = Freeze(v1::BRAND);
  Draw(v1::BRAND);
  const Allocation run = Run(snapshot);
  v1::CreateObjectionRequest create;
  create.set_parent(run.name());
  create.mutable_objection()->set_application(edition_.applications[0].name());
  create.mutable_objection()->set_statement("A certificate was not counted.");
  EXPECT_THAT(fairs_->Call<v1::Objection>("ObjectionService/CreateObjection", create).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "OBJECTIONS_CLOSED"));
  Publish(run.name());
  const auto objection = Must<v1::Objection>("ObjectionService/CreateObjection", create);
  EXPECT_EQ(objection.enterprise(), edition_.applications[0].enterprise());
  v1::DismissObjectionRequest dismiss;
  dismiss.set_name(objection.name());
  dismiss.set_decision("It had expired.");
  EXPECT_THAT(fairs_->Call<v1::Objection>("ObjectionService/DismissObjection", dismiss).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "FOUR_EYES"));
  EXPECT_EQ(
      Must<v1::Objection>("ObjectionService/DismissObjection", dismiss, "users/second").state(),
      v1::Objection::DISMISSED);
  clock_.Advance(absl::Hours(24 * 6));
  EXPECT_THAT(fairs_->Call<v1::Objection>("ObjectionService/CreateObjection", create).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "OBJECTIONS_CLOSED"));
}

}  // namespace
}  // namespace caravan::fairs
