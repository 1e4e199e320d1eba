// A small edition's course, from frozen inputs to positions, with zones beside it, on
// both engines.
#include "services/fairs/runs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "gmock/gmock.h"
#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "services/common/operations/testing.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/names.h"
#include "services/fairs/testing/edition.h"
#include "services/fairs/testing/edition_server.h"

namespace caravan::fairs {
namespace {

using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using google::longrunning::Operation;
using testing::EditionServer;
using ::testing::IsEmpty;
using v1::Allocation;
using v1::Application;

testing::Edition SmallEdition() {
  testing::Edition edition =
      testing::MakeEdition({.sections = 3, .booths = 240, .applications = 120, .delegations = 4});
  testing::AddSpecialArea(edition);
  return edition;
}

class RunsTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  RunsTest() : database_(GetParam().Create()), server_(SmallEdition(), database_->url()) {}

  template <class Response, class Request>
  Response Must(std::string_view method, const Request& request,
                const std::string& principal = "users/admin") {
    return server_.Must<Response>(method, request, principal);
  }

  absl::StatusOr<Application> Confirm(const std::string& application) {
    v1::ConfirmApplicationRequest request;
    request.set_name(application);
    return server_.Call<Application>("ApplicationService/ConfirmApplication", request);
  }

  void ConfirmAll() {
    for (const Application& application : server_.Applications()) {
      if (application.state() != Application::ALLOTTED) continue;
      EXPECT_THAT(Confirm(application.name()), IsOk());
    }
  }

  // Freezes, draws, runs and publishes a stage.
  Allocation Decide(v1::Stage stage) {
    const v1::Snapshot snapshot = server_.Freeze(stage);
    server_.Draw(stage);
    const Allocation run = server_.Run(snapshot);
    EXPECT_EQ(run.state(), Allocation::PROPOSED);
    server_.Publish(run.name());
    EXPECT_THAT(server_.Problems(server_.Bundles(run)), IsEmpty());
    return run;
  }

  // Stages BRAND and GENERAL, published, and all confirmed.
  void Allot() {
    for (const v1::Stage stage : {v1::BRAND, v1::GENERAL}) Decide(stage);
    ConfirmAll();
  }

  Allocation GetAllocation(const std::string& name) {
    v1::GetAllocationRequest get;
    get.set_name(name);
    return Must<Allocation>("AllocationService/GetAllocation", get);
  }

  absl::StatusOr<Allocation> TryPublish(const std::string& name,
                                        const std::string& principal = "users/second") {
    v1::PublishAllocationRequest publish;
    publish.set_name(name);
    return server_.Call<Allocation>("AllocationService/PublishAllocation", publish, principal);
  }

  v1::Fair GetFair() {
    v1::GetFairRequest get;
    get.set_name(EditionServer::kFair);
    return Must<v1::Fair>("FairService/GetFair", get);
  }

  // Grows with every change of a resource.
  int64_t revision() { return server_.fairs().host().store().revision(); }

  // The revision of the last change of a resource.
  int64_t LastChange(const std::string& name) {
    int64_t last = 0;
    EXPECT_THAT(server_.fairs().host().store().Read([&](store::Reader& reader) {
      return reader.ScanChanges({.resource = name, .descending = true, .limit = 1},
                                [&](const store::Change& change) {
                                  last = change.revision;
                                  return true;
                                });
    }),
                IsOk());
    EXPECT_GT(last, 0) << name;
    return last;
  }

  const std::unique_ptr<store::TestDatabase> database_;
  EditionServer server_;
};

TEST_P(RunsTest, GivesBoothsAndPositionsAndEverybodyCanCheckIt) {
  server_.Load();
  Allot();
  std::map<std::string, int64_t> given;
  for (const Application& application : server_.Applications()) {
    if (application.state() == Application::CONFIRMED) {
      given[application.section()] += application.allotted_booths();
      EXPECT_LE(application.allotted_booths(), application.maximum_booths());
      EXPECT_GE(application.allotted_booths(), application.minimum_booths());
    }
  }
  for (const v1::Section& section : server_.edition().sections) {
    if (section.kind() == v1::Section::SPECIAL) continue;
    EXPECT_GT(given[section.name()], 0);
    EXPECT_LE(given[section.name()],
              section.brand_booths() + section.general_booths() + section.newcomer_booths());
  }

  const v1::Snapshot snapshot = server_.Freeze(v1::PLACEMENT);
  server_.Draw(v1::PLACEMENT);
  const Allocation run = server_.Run(snapshot);
  server_.Publish(run.name());
  EXPECT_THAT(server_.Problems(server_.Bundles(run)), IsEmpty());
  std::set<std::string> cells;
  int64_t positioned = 0;
  for (const Application& application : server_.Applications()) {
    if (application.state() != Application::POSITIONED) continue;
    positioned += application.allotted_booths();
    EXPECT_EQ(application.position().cells_size(), application.allotted_booths());
    const std::string phase = [&] {
      for (const auto& section : server_.edition().sections) {
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

TEST_P(RunsTest, TheFairIsAllocatedOnceAllIsDecided) {
  server_.Load();
  Allot();
  v1::CompleteAllocationFairRequest complete;
  complete.set_name(EditionServer::kFair);
  const auto try_completing = [&] {
    return server_.Call<v1::Fair>("FairService/CompleteAllocationFair", complete);
  };
  EXPECT_THAT(try_completing(), Fails(absl::StatusCode::kFailedPrecondition, "ALLOCATION_OPEN"));
  const Allocation placement = Decide(v1::PLACEMENT);
  v1::CreateObjectionRequest create;
  create.set_parent(placement.name());
  create.mutable_objection()->set_application(server_.edition().applications[0].name());
  create.mutable_objection()->set_statement("It is too far from the entrance.");
  const auto objection = Must<v1::Objection>("ObjectionService/CreateObjection", create);
  EXPECT_THAT(try_completing(), Fails(absl::StatusCode::kFailedPrecondition, "ALLOCATION_OPEN"));
  v1::DismissObjectionRequest dismiss;
  dismiss.set_name(objection.name());
  dismiss.set_decision("All stands are.");
  Must<v1::Objection>("ObjectionService/DismissObjection", dismiss, "users/second");
  const Allocation proposed = server_.Run(server_.Freeze(v1::GENERAL, true));
  EXPECT_THAT(try_completing(), Fails(absl::StatusCode::kFailedPrecondition, "ALLOCATION_OPEN"));
  server_.Publish(proposed.name());
  const auto completed = try_completing();
  ASSERT_THAT(completed, IsOk());
  EXPECT_EQ(completed->state(), v1::Fair::ALLOCATED);
  EXPECT_EQ(GetFair().state(), v1::Fair::ALLOCATED);
}

TEST_P(RunsTest, PlacesTheStandsOfWhoHasAcceptedAnInvitation) {
  server_.Load();
  v1::CreateInvitationRequest invite;
  invite.set_parent(EditionServer::kFair);
  invite.set_invitation_id("warehouse-1");
  invite.mutable_invitation()->set_section(server_.edition().sections.back().name());
  invite.mutable_invitation()->set_warehouse("warehouses/w1");
  invite.mutable_invitation()->set_booths(5);
  *invite.mutable_invitation()->mutable_reply_due_date() =
      server_.edition().fair.screening_due_date();
  const auto invitation = Must<v1::Invitation>("InvitationService/CreateInvitation", invite);
  v1::AcceptInvitationRequest accept;
  accept.set_name(invitation.name());
  Must<v1::Invitation>("InvitationService/AcceptInvitation", accept);
  const Allocation run = Decide(v1::PLACEMENT);
  v1::GetApplicationRequest get;
  get.set_name(absl::StrCat(EditionServer::kFair, "/applications/warehouse-1"));
  const auto stand = Must<Application>("ApplicationService/GetApplication", get);
  EXPECT_EQ(stand.state(), Application::POSITIONED);
  EXPECT_EQ(stand.position().hall(), absl::StrCat(EditionServer::kFair, "/halls/90.1"));
  EXPECT_EQ(stand.position().cells_size(), 5);
  v1::GetFloorPlanRequest plan;
  plan.set_name(absl::StrCat(EditionServer::kFair, "/floorPlans/1-90.1"));
  const auto stands = Must<v1::FloorPlan>("FloorPlanService/GetFloorPlan", plan).stands();
  ASSERT_EQ(stands.size(), 1);
  EXPECT_EQ(stands[0].application(), stand.name());
  v1::ExplainApplicationRequest explain;
  explain.set_name(stand.name());
  const auto explained =
      Must<v1::ExplainApplicationResponse>("ApplicationService/ExplainApplication", explain);
  EXPECT_EQ(explained.allocation(), run.name());
  EXPECT_EQ(explained.cells_size(), 5);
}

TEST_P(RunsTest, SimulatesOtherTiers) {
  server_.Load();
  Allot();
  const v1::Snapshot snapshot = server_.Freeze(v1::PLACEMENT);
  server_.Draw(v1::PLACEMENT);
  const Allocation run = server_.Run(snapshot);
  v1::SimulateAllocationRequest simulate;
  simulate.set_name(run.name());
  *simulate.mutable_rules() = run.rules();
  simulate.mutable_rules()->clear_tiers();
  auto simulated =
      server_.Await<Allocation>(Must<Operation>("AllocationService/SimulateAllocation", simulate));
  ASSERT_THAT(simulated, IsOk());
  EXPECT_EQ(simulated->inputs_digest(), run.inputs_digest());
  // Without tiers, the lottery alone gives the order.
  bool differ = false;
  for (const std::string& section : run.sections()) {
    std::map<std::string, int> ranks;
    v1::ListSectionResultsRequest list;
    list.set_page_size(1000);
    for (const std::string& parent : {run.name(), simulated->name()}) {
      list.set_parent(parent);
      const auto listed =
          Must<v1::ListSectionResultsResponse>("SectionResultService/ListSectionResults", list);
      for (const auto& result : listed.section_results()) {
        if (LastSegment(result.name()) != LastSegment(section)) continue;
        for (const auto& decision : result.decisions()) {
          const auto [rank, added] = ranks.emplace(decision.pseudonym(), decision.rank());
          differ |= !added && rank->second != decision.rank();
        }
      }
    }
  }
  EXPECT_TRUE(differ);
}

TEST_P(RunsTest, NothingIsConfirmedWhileItIsDecidedAgain) {
  server_.Load();
  Decide(v1::BRAND);
  Decide(v1::GENERAL);
  std::vector<std::string> allotted;
  for (const Application& application : server_.Applications()) {
    if (application.state() == Application::ALLOTTED &&
        application.kind() == Application::GENERAL) {
      allotted.push_back(application.name());
    }
  }
  ASSERT_GT(allotted.size(), 2);
  EXPECT_THAT(Confirm(allotted[0]), IsOk());
  const v1::Snapshot again = server_.Freeze(v1::GENERAL);
  const int64_t before = revision();
  EXPECT_THAT(Confirm(allotted[1]), Fails(absl::StatusCode::kFailedPrecondition, "RERUN_PENDING"));
  EXPECT_EQ(revision(), before);
  const Allocation rerun = server_.Run(again);
  EXPECT_THAT(Confirm(allotted[1]), Fails(absl::StatusCode::kFailedPrecondition, "RERUN_PENDING"));
  server_.Publish(rerun.name());
  EXPECT_THAT(Confirm(allotted[1]), IsOk());
  // A waiting list has nothing of those who may confirm.
  server_.Freeze(v1::GENERAL, true);
  EXPECT_THAT(Confirm(allotted[2]), IsOk());
}

TEST_P(RunsTest, ASnapshotIsGivenUpBeforeARunOfItIsPublished) {
  server_.Load();
  const Allocation brands = Decide(v1::BRAND);
  const Allocation decided = Decide(v1::GENERAL);
  std::string allotted;
  for (const Application& application : server_.Applications()) {
    if (application.allocation() == decided.name() &&
        application.state() == Application::ALLOTTED) {
      allotted = application.name();
    }
  }
  const v1::Snapshot again = server_.Freeze(v1::GENERAL);
  const Allocation rerun = server_.Run(again);
  const auto discard = [&](const std::string& name) {
    v1::DiscardSnapshotRequest request;
    request.set_name(name);
    return server_.Call<v1::Snapshot>("SnapshotService/DiscardSnapshot", request);
  };
  const int64_t before = revision();
  EXPECT_THAT(discard(decided.snapshot()),
              Fails(absl::StatusCode::kFailedPrecondition, "SNAPSHOT_PUBLISHED"));
  EXPECT_THAT(Confirm(allotted), Fails(absl::StatusCode::kFailedPrecondition, "RERUN_PENDING"));
  EXPECT_EQ(revision(), before);

  const absl::StatusOr<v1::Snapshot> discarded = discard(again.name());
  ASSERT_THAT(discarded, IsOk());
  EXPECT_EQ(discarded->state(), v1::Snapshot::DISCARDED);
  EXPECT_EQ(GetAllocation(rerun.name()).state(), Allocation::SUPERSEDED);
  EXPECT_EQ(GetAllocation(decided.name()).state(), Allocation::PUBLISHED);
  EXPECT_EQ(GetAllocation(brands.name()).state(), Allocation::PUBLISHED);
  EXPECT_THAT(Confirm(allotted), IsOk());
  EXPECT_THAT(TryPublish(rerun.name()),
              Fails(absl::StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  v1::RunAllocationRequest run;
  run.set_parent(EditionServer::kFair);
  run.set_snapshot(again.name());
  EXPECT_THAT(server_.Call<Operation>("AllocationService/RunAllocation", run),
              Fails(absl::StatusCode::kFailedPrecondition, "SNAPSHOT_NOT_FROZEN"));
  EXPECT_THAT(discard(again.name()),
              Fails(absl::StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
}

TEST_P(RunsTest, GivesTheSameBytesEveryTime) {
  server_.Load();
  const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
  server_.Draw(v1::BRAND);
  const Allocation first = server_.Run(snapshot);
  const Allocation second = server_.Run(snapshot);
  EXPECT_EQ(first.digest(), second.digest());
  v1::GetAllocationRequest get;
  get.set_name(first.name());
  EXPECT_EQ(Must<Allocation>("AllocationService/GetAllocation", get).state(),
            Allocation::SUPERSEDED);
  // And of the same state, the same inputs.
  EXPECT_EQ(server_.Freeze(v1::BRAND).digest(), snapshot.digest());
}

TEST_P(RunsTest, MovesNobodyWhoHasConfirmedAndGivesWhatIsReturned) {
  server_.Load();
  Allot();
  std::map<std::string, Application> before;
  const Application* returned = nullptr;
  for (const Application& application : server_.Applications())
    before[application.name()] = application;
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
  const v1::Snapshot snapshot = server_.Freeze(v1::GENERAL, true);
  const Allocation run = server_.Run(snapshot);
  server_.Publish(run.name());
  EXPECT_THAT(server_.Problems(server_.Bundles(run)), IsEmpty());
  int64_t reallotted = 0;
  for (const Application& application : server_.Applications()) {
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

TEST_P(RunsTest, RefusesWhatMayNotBe) {
  server_.Load();
  const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
  EXPECT_THAT(server_.StartRun(snapshot.name()),
              Fails(absl::StatusCode::kFailedPrecondition, "LOTTERY_NOT_DRAWN"));
  server_.Draw(v1::BRAND);
  const Allocation run = server_.Run(snapshot);

  // One's own, and what nobody may see yet.
  v1::PublishAllocationRequest publish;
  publish.set_name(run.name());
  int64_t before = revision();
  EXPECT_THAT(server_.Call<Allocation>("AllocationService/PublishAllocation", publish).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "FOUR_EYES"));
  EXPECT_EQ(revision(), before);
  v1::ExportBundleRequest bundle;
  bundle.set_name(run.name());
  bundle.set_section(run.sections(0));
  EXPECT_THAT(
      server_.Call<v1::Bundle>("AllocationService/ExportBundle", bundle, "users/visitor").status(),
      Fails(absl::StatusCode::kFailedPrecondition, "ALLOCATION_NOT_PUBLISHED"));

  // What is superseded, of older inputs, or of other rules.
  const Allocation rerun = server_.Run(snapshot);
  before = revision();
  EXPECT_THAT(
      server_.Call<Allocation>("AllocationService/PublishAllocation", publish, "users/second")
          .status(),
      Fails(absl::StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_EQ(revision(), before);
  v1::SimulateAllocationRequest simulate;
  simulate.set_name(rerun.name());
  *simulate.mutable_rules() = rerun.rules();
  simulate.mutable_rules()->set_firm_cap(4);
  auto simulated =
      server_.Await<Allocation>(Must<Operation>("AllocationService/SimulateAllocation", simulate));
  ASSERT_TRUE(simulated.ok()) << simulated.status();
  EXPECT_NE(simulated->digest(), rerun.digest());
  publish.set_name(simulated->name());
  EXPECT_THAT(
      server_.Call<Allocation>("AllocationService/PublishAllocation", publish, "users/second")
          .status(),
      Fails(absl::StatusCode::kFailedPrecondition, "SIMULATION_NOT_PUBLISHABLE"));
  v1::CompareAllocationsRequest compare;
  compare.set_name(rerun.name());
  compare.set_other(simulated->name());
  const auto compared =
      Must<v1::CompareAllocationsResponse>("AllocationService/CompareAllocations", compare);
  EXPECT_EQ(compared.sections_size(), rerun.sections_size());
  EXPECT_GT(compared.differing_applications(), 0);
  server_.Freeze(v1::BRAND);
  publish.set_name(rerun.name());
  EXPECT_THAT(
      server_.Call<Allocation>("AllocationService/PublishAllocation", publish, "users/second")
          .status(),
      Fails(absl::StatusCode::kFailedPrecondition, "INPUTS_CHANGED"));
}

TEST_P(RunsTest, MakesOneThingAtATime) {
  server_.Load();
  const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
  server_.Draw(v1::BRAND);
  const auto refused = Fails(absl::StatusCode::kFailedPrecondition, "RUN_IN_PROGRESS");
  {
    operations::Gate gate;
    server_.BeforeWork(kFreezeSnapshot, [&] { gate.Pass(); });
    const auto freezing = server_.StartFreeze(v1::BRAND, false);
    ASSERT_THAT(freezing, IsOk());
    gate.AwaitArrival();
    const int64_t before = revision();
    EXPECT_THAT(server_.StartFreeze(v1::GENERAL, false), refused);
    EXPECT_THAT(server_.StartRun(snapshot.name()), refused);
    EXPECT_EQ(revision(), before);
    gate.Open();
    EXPECT_THAT(server_.Await<v1::Snapshot>(*freezing), IsOk());
  }
  server_.BeforeWork(kFreezeSnapshot, nullptr);
  operations::Gate gate;
  server_.BeforeWork(kRunAllocation, [&] { gate.Pass(); });
  const auto running = server_.StartRun(snapshot.name());
  ASSERT_THAT(running, IsOk());
  gate.AwaitArrival();
  const int64_t before = revision();
  EXPECT_THAT(server_.StartFreeze(v1::BRAND, false), refused);
  EXPECT_THAT(server_.StartRun(snapshot.name()), refused);
  EXPECT_EQ(revision(), before);
  gate.Open();
  EXPECT_THAT(server_.Await<Allocation>(*running), IsOk());
}

TEST_P(RunsTest, AwaitsWhatIsBeingPublished) {
  server_.Load();
  const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
  server_.Draw(v1::BRAND);
  const Allocation run = server_.Run(snapshot);
  operations::Gate gate;
  server_.BeforeWork(kPublishAllocation, [&] { gate.Pass(); });
  const auto published = server_.StartPublication(run.name());
  ASSERT_THAT(published, IsOk());
  gate.AwaitArrival();
  const int64_t before = revision();
  const auto refused = Fails(absl::StatusCode::kFailedPrecondition, "RUN_IN_PROGRESS");
  EXPECT_THAT(server_.StartFreeze(v1::BRAND, true), refused);
  EXPECT_THAT(server_.StartRun(snapshot.name()), refused);
  EXPECT_EQ(revision(), before);
  gate.Open();
  Operation publication;
  publication.set_name(published->publication());
  EXPECT_THAT(server_.Await<Allocation>(publication), IsOk());
  EXPECT_EQ(server_.Freeze(v1::BRAND, true).state(), v1::Snapshot::FROZEN);
}

TEST_P(RunsTest, PublishesNothingOfBoothsThatAnotherHasGivenSince) {
  server_.Load();
  const v1::Snapshot brand = server_.Freeze(v1::BRAND);
  server_.Draw(v1::BRAND);
  const v1::Snapshot general = server_.Freeze(v1::GENERAL);
  server_.Draw(v1::GENERAL);
  const Allocation early = server_.Run(general);
  server_.Publish(server_.Run(brand).name());
  const int64_t before = revision();
  EXPECT_THAT(TryPublish(early.name()),
              Fails(absl::StatusCode::kFailedPrecondition, "INPUTS_CHANGED"));
  EXPECT_EQ(revision(), before);
  server_.clock().Advance(absl::Seconds(1));
  EXPECT_THAT(TryPublish(server_.Run(server_.Freeze(v1::GENERAL)).name()), IsOk());
}

TEST_P(RunsTest, DryRunsAreComputedAndNotKept) {
  server_.Load();
  const v1::Snapshot snapshot = server_.Freeze(v1::BRAND);
  server_.Draw(v1::BRAND);
  v1::RunAllocationRequest request;
  request.set_parent(EditionServer::kFair);
  request.set_snapshot(snapshot.name());
  request.set_dry_run(true);
  auto dry = server_.Await<Allocation>(Must<Operation>("AllocationService/RunAllocation", request));
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->name(), "");
  EXPECT_GT(dry->booths(), 0);
  v1::ListAllocationsRequest list;
  list.set_parent(EditionServer::kFair);
  EXPECT_EQ(Must<v1::ListAllocationsResponse>("AllocationService/ListAllocations", list)
                .allocations_size(),
            0);
  EXPECT_EQ(server_.Run(snapshot).digest(), dry->digest());
}

TEST_P(RunsTest, FreezesNothingWhileZonesIsAway) {
  server_.Load();
  server_.StopZones();
  v1::FreezeSnapshotRequest request;
  request.set_parent(EditionServer::kFair);
  request.set_stage(v1::GENERAL);
  const auto frozen =
      server_.Await<v1::Snapshot>(Must<Operation>("SnapshotService/FreezeSnapshot", request));
  EXPECT_THAT(frozen.status(), Fails(absl::StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
  v1::ListSnapshotsRequest list;
  list.set_parent(EditionServer::kFair);
  const auto snapshots =
      Must<v1::ListSnapshotsResponse>("SnapshotService/ListSnapshots", list).snapshots();
  ASSERT_EQ(snapshots.size(), 1);
  EXPECT_EQ(snapshots[0].state(), v1::Snapshot::FAILED);
}

TEST_P(RunsTest, DividesNothingByASanctionThatIsLifted) {
  server_.LoadRegisters();
  v1::DivideQuotasRequest divide;
  divide.set_name(server_.edition().sections[0].name());
  const auto divided = [&] {
    return Must<v1::DivideQuotasResponse>("SectionService/DivideQuotas", divide).quotas();
  };
  const auto quotas = divided();
  const auto largest = std::max_element(
      quotas.begin(), quotas.end(),
      [](const v1::Quota& a, const v1::Quota& b) { return a.booths() < b.booths(); });
  ASSERT_NE(largest, quotas.end());
  const auto booths = [&](const google::protobuf::RepeatedPtrField<v1::Quota>& all) {
    return all[static_cast<int>(largest - quotas.begin())].booths();
  };
  for (int round = 0; round < 15; ++round) {
    v1::CreateSanctionRequest create;
    create.mutable_sanction()->set_delegation(largest->delegation());
    create.mutable_sanction()->set_scope(v1::Sanction::FAIR);
    create.mutable_sanction()->set_first_edition(136);
    create.mutable_sanction()->set_editions(1);
    create.mutable_sanction()->set_reason("r");
    const auto sanction = Must<v1::Sanction>("SanctionService/CreateSanction", create);
    std::thread lifting([&] {
      v1::LiftSanctionRequest lift;
      lift.set_name(sanction.name());
      lift.set_lift_reason("r");
      Must<v1::Sanction>("SanctionService/LiftSanction", lift);
    });
    const bool barred = booths(divided()) == 0;
    lifting.join();
    // By the sanction it can only have been divided before it was lifted.
    if (barred) {
      EXPECT_LT(LastChange(largest->name()), LastChange(sanction.name()));
    }
    EXPECT_EQ(booths(divided()), largest->booths());
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, RunsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::fairs
