#include "services/fairs/testing/edition_server.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "services/common/resources/registry.h"
#include "services/fairs/fairs.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/verify_bundle.h"
#include "services/zones/zones.h"

namespace caravan::fairs::testing {

using caravan::testing::TestServer;
using google::longrunning::Operation;
using v1::Allocation;
using v1::Application;

namespace {

constexpr v1::Stage kStages[] = {v1::BRAND, v1::GENERAL, v1::PLACEMENT};

// Longer than a lease of operations.
constexpr absl::Duration kLease = absl::Seconds(20);

// How long a step may take.
constexpr int kPatienceSeconds = 600;

// Most that one request loads.
constexpr size_t kLoad = 1000;

constexpr std::string_view kSqlite = "sqlite:";

// An operation once it is done.
absl::StatusOr<Operation> WaitFor(const caravan::testing::Caller& caller, const std::string& name) {
  google::longrunning::WaitOperationRequest wait;
  wait.set_name(name);
  wait.mutable_timeout()->set_seconds(kPatienceSeconds);
  auto done = caller.CallPath<Operation>("/google.longrunning.Operations/WaitOperation", wait,
                                         {.timeout = absl::Seconds(kPatienceSeconds + 5)});
  if (done.ok() && !done->done()) return absl::DeadlineExceededError(name + " is not done");
  return done;
}

std::string IdOf(const std::string& name) { return std::string(LastSegment(name)); }

std::string Secret(v1::Stage stage) {
  return absl::StrCat("the secret of stage ", v1::Stage_Name(stage));
}

}  // namespace

void AddSpecialArea(Edition& edition) {
  v1::Section& section = edition.sections.emplace_back();
  section.set_name(absl::StrCat(edition.fair.name(), "/sections/special-area"));
  section.set_title("Cross-border e-commerce and overseas warehouses");
  section.set_phase(edition.fair.phases(0).id());
  section.set_kind(v1::Section::SPECIAL);
  v1::Hall& hall = edition.halls.emplace_back();
  hall.set_name(absl::StrCat(edition.fair.name(), "/halls/90.1"));
  hall.set_title("Special area");
  hall.set_level(1);
  hall.set_y_meters(200);
  hall.set_width_meters(60);
  hall.set_depth_meters(30);
  v1::FloorPlan& plan = edition.floor_plans.emplace_back();
  plan.set_name(absl::StrCat(edition.fair.name(), "/floorPlans/", section.phase(), "-90.1"));
  plan.set_hall(hall.name());
  plan.set_phase(section.phase());
  for (const char* id : {"a", "b"}) {
    v1::Hall::Row& row = *hall.add_rows();
    row.set_id(id);
    row.set_aisle(*id == 'a' ? "A" : "B");
    row.set_first_number(1);
    row.set_number_step(1);
    row.set_cells(12);
    row.set_y_meters(*id == 'a' ? 0 : 9);
    row.set_direction(v1::Hall::EAST);
    v1::FloorPlan::Span& span = *plan.add_spans();
    span.set_row(id);
    span.set_first_number(1);
    span.set_last_number(12);
    span.set_section(section.name());
  }
}

EditionServer::EditionServer(Edition edition, std::string store)
    : clock_(absl::FromUnixSeconds(1'717'200'000)),
      edition_(std::move(edition)),
      store_(std::move(store)) {
  if (store_.empty()) store_ = absl::StrCat("sqlite:", folder_.Path("fairs.db"));
  TestServer::Options zones;
  zones.definition = zones::ZonesDefinition();
  zones.clock = clock_.AsFunction();
  zones.access = caravan::testing::PolicyOf({{"users/admin", "*"}, {"services/fairs", "*"}});
  zones_ = TestServer::Start(std::move(zones));
  fairs_ = StartFairs();
}

EditionServer::~EditionServer() = default;

std::unique_ptr<TestServer> EditionServer::StartFairs() {
  TestServer::Options fairs;
  fairs.definition = FairsDefinition();
  fairs.definition.services = [this, services =
                                         fairs.definition.services](const host::Dependencies& all) {
    auto made = services(all);
    CallBeforeWork(all);
    return made;
  };
  fairs.store = store_;
  fairs.clock = clock_.AsFunction();
  std::vector<caravan::testing::Permission> permissions = {
      {"users/admin", "*"},
      {"users/second", "*"},
      {"users/visitor", "fairs.allocations.exportBundle"}};
  for (const char* permission :
       {"fairs.objections.create", "fairs.objections.get", "fairs.objections.list"}) {
    permissions.push_back({"users/exhibitor", permission, edition_.applications[0].enterprise()});
  }
  fairs.access = caravan::testing::PolicyOf(permissions);
  fairs.adjust = [this](settings::ServerSettings& settings) {
    if (zones_ != nullptr) settings.add_peer(absl::StrCat("zones=", zones_->address()));
  };
  return TestServer::Start(std::move(fairs));
}

void EditionServer::BeforeWork(std::string_view kind, std::function<void()> callback) {
  before_work_[std::string(kind)] = std::move(callback);
}

void EditionServer::Begin(std::string_view kind) const {
  const auto before = before_work_.find(kind);
  if (before != before_work_.end() && before->second) before->second();
}

// Registers the operations of runs anew.
void EditionServer::CallBeforeWork(const host::Dependencies& all) {
  using operations::OperationContext;
  const resources::Registry& registry = all.registry;
  const peers::Peer& zones = all.peers.Get("zones");
  all.operations.Register<v1::Snapshot, v1::Snapshot>(
      kFreezeSnapshot,
      [this, &registry, &zones](OperationContext& context, const v1::Snapshot& snapshot) {
        Begin(kFreezeSnapshot);
        return FreezeSnapshot(registry, zones, context, snapshot);
      });
  all.operations.Register<Allocation, Allocation>(
      kRunAllocation, [this, &registry](OperationContext& context, const Allocation& allocation) {
        Begin(kRunAllocation);
        return RunAllocation(registry, context, allocation);
      });
  all.operations.Register<Allocation, Allocation>(
      kPublishAllocation,
      [this, &registry](OperationContext& context, const Allocation& allocation) {
        Begin(kPublishAllocation);
        return PublishAllocation(registry, context, allocation);
      });
}

void EditionServer::LoadZones() {
  for (const auto& document : edition_.documents) {
    zones::v1::CreateDocumentRequest request;
    *request.mutable_document() = document;
    request.set_document_id(IdOf(document.name()));
    const auto created =
        zones_->Call<zones::v1::Document>("DocumentService/CreateDocument", request);
    EXPECT_TRUE(created.ok()) << created.status();
  }
  for (size_t begin = 0; begin < edition_.enterprises.size(); begin += kLoad) {
    zones::v1::LoadEnterprisesRequest load;
    for (size_t i = begin; i < std::min(begin + kLoad, edition_.enterprises.size()); ++i) {
      *load.add_enterprises() = edition_.enterprises[i];
    }
    const auto loaded =
        zones_->Call<zones::v1::LoadEnterprisesResponse>("EnterpriseService/LoadEnterprises", load);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
  }
}

void EditionServer::LoadRegisters() {
  LoadZones();
  v1::CreateFairRequest fair;
  *fair.mutable_fair() = edition_.fair;
  fair.set_fair_id(IdOf(kFair));
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
  for (const auto& sanction : edition_.sanctions) {
    v1::CreateSanctionRequest request;
    *request.mutable_sanction() = sanction;
    request.set_sanction_id(IdOf(sanction.name()));
    Must<v1::Sanction>("SanctionService/CreateSanction", request);
  }
  for (const v1::Stage stage : kStages) {
    v1::CommitLotteryRequest request;
    request.set_name(kFair);
    request.set_stage(stage);
    request.set_commitment(LotteryCommitment(Secret(stage)));
    Must<v1::Fair>("FairService/CommitLottery", request);
  }
  v1::OpenFairRequest open;
  open.set_name(kFair);
  Must<v1::Fair>("FairService/OpenFair", open);
}

void EditionServer::LoadApplications(const std::vector<Application>& applications) {
  for (size_t begin = 0; begin < applications.size(); begin += kLoad) {
    v1::LoadApplicationsRequest load;
    load.set_parent(kFair);
    for (size_t i = begin; i < std::min(begin + kLoad, applications.size()); ++i) {
      *load.add_applications() = applications[i];
    }
    Must<v1::LoadApplicationsResponse>("ApplicationService/LoadApplications", load);
  }
}

void EditionServer::CloseApplications() {
  v1::CloseApplicationsFairRequest close;
  close.set_name(kFair);
  Must<v1::Fair>("FairService/CloseApplicationsFair", close);
  for (const auto& section : edition_.sections) {
    if (section.kind() != v1::Section::REGULAR) continue;
    v1::DivideQuotasRequest request;
    request.set_name(section.name());
    Must<v1::DivideQuotasResponse>("SectionService/DivideQuotas", request);
  }
}

void EditionServer::Load() {
  LoadRegisters();
  LoadApplications(edition_.applications);
  CloseApplications();
}

absl::StatusOr<Operation> EditionServer::AwaitDone(const std::string& name) {
  return WaitFor(fairs_->caller(), name);
}

absl::StatusOr<Operation> EditionServer::StartFreeze(v1::Stage stage, bool waiting_list) {
  v1::FreezeSnapshotRequest request;
  request.set_parent(kFair);
  request.set_stage(stage);
  request.set_waiting_list(waiting_list);
  return Call<Operation>("SnapshotService/FreezeSnapshot", request);
}

absl::StatusOr<Operation> EditionServer::StartRun(const std::string& snapshot) {
  v1::RunAllocationRequest request;
  request.set_parent(kFair);
  request.set_snapshot(snapshot);
  return Call<Operation>("AllocationService/RunAllocation", request);
}

absl::StatusOr<Allocation> EditionServer::StartPublication(const std::string& allocation) {
  v1::PublishAllocationRequest request;
  request.set_name(allocation);
  return Call<Allocation>("AllocationService/PublishAllocation", request, "users/second");
}

v1::Snapshot EditionServer::Freeze(v1::Stage stage, bool waiting_list) {
  auto started = StartFreeze(stage, waiting_list);
  EXPECT_TRUE(started.ok()) << started.status();
  if (!started.ok()) return {};
  auto snapshot = Await<v1::Snapshot>(*started);
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return snapshot.ok() ? *snapshot : v1::Snapshot();
}

void EditionServer::Draw(v1::Stage stage) {
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

Allocation EditionServer::Run(const v1::Snapshot& snapshot) {
  auto started = StartRun(snapshot.name());
  EXPECT_TRUE(started.ok()) << started.status();
  if (!started.ok()) return {};
  auto run = Await<Allocation>(*started);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *run : Allocation();
}

Allocation EditionServer::Publish(const std::string& allocation) {
  auto published = StartPublication(allocation);
  EXPECT_TRUE(published.ok()) << published.status();
  if (!published.ok()) return {};
  const auto done = AwaitDone(published->publication());
  EXPECT_TRUE(done.ok() && !done->has_error()) << done.status();
  return *published;
}

std::vector<v1::Bundle> EditionServer::Bundles(const Allocation& run,
                                               const std::string& principal) {
  std::vector<v1::Bundle> bundles;
  for (const std::string& section : run.sections()) {
    v1::ExportBundleRequest request;
    request.set_name(run.name());
    request.set_section(section);
    bundles.push_back(Must<v1::Bundle>("AllocationService/ExportBundle", request, principal));
  }
  return bundles;
}

std::vector<std::string> EditionServer::Problems(const std::vector<v1::Bundle>& bundles) {
  std::vector<std::string> problems;
  for (const Finding& finding : VerifyBundles(bundles)) {
    problems.push_back(absl::StrCat(finding.subject, ": ", finding.message));
  }
  return problems;
}

std::vector<Application> EditionServer::Applications() {
  std::vector<Application> applications;
  v1::ListApplicationsRequest request;
  request.set_parent(kFair);
  request.set_page_size(1000);
  do {
    auto list = Must<v1::ListApplicationsResponse>("ApplicationService/ListApplications", request);
    applications.insert(applications.end(), list.applications().begin(), list.applications().end());
    request.set_page_token(list.next_page_token());
  } while (!request.page_token().empty());
  return applications;
}

void EditionServer::CrashAfter(int64_t revisions, const std::string& operation) {
  // Told by whichever comes first, and by the other when the server ends.
  struct Progress {
    absl::Mutex mutex;
    bool made = false;
    void Make() {
      absl::MutexLock lock(&mutex);
      made = true;
    }
  };
  const auto progress = std::make_shared<Progress>();
  store::Store& store = fairs_->host().store();
  store.AwaitRevision(store.revision() + revisions, absl::InfiniteFuture(),
                      [progress](const absl::Status&) { progress->Make(); });
  std::thread waiting([&, caller = fairs_->caller()] {
    (void)WaitFor(caller, operation);
    progress->Make();
  });
  {
    absl::MutexLock lock(&progress->mutex);
    progress->mutex.Await(absl::Condition(&progress->made));
  }
  Crash();
  waiting.join();
}

void EditionServer::Crash() {
  if (absl::StartsWith(store_, kSqlite)) {
    CopyStore();
    fairs_.reset();
    clock_.Advance(kLease);
    fairs_ = StartFairs();
  } else {
    clock_.Advance(kLease);
    fairs_ = StartFairs();
  }
}

void EditionServer::CopyStore() {
  const std::string from = store_.substr(kSqlite.size());
  const std::string to = folder_.Path(absl::StrCat("crash-", ++copies_, ".db"));
  // While something is read, the log is neither moved into the database nor begun anew:
  // the database as it is, with the log as it is a moment later, are what a crash leaves.
  absl::Status s = fairs_->host().store().Read([&](store::Reader& reader) {
    absl::Status begun =
        reader.Scan({.table = resources::kGuards}, [](store::Row&) { return false; });
    if (!begun.ok()) return begun;
    for (const char* file : {"", "-wal"}) {
      std::error_code error;
      std::filesystem::copy_file(absl::StrCat(from, file), absl::StrCat(to, file), error);
      if (error) return absl::InternalError(error.message());
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(s.ok()) << s;
  store_ = absl::StrCat(kSqlite, to);
}

}  // namespace caravan::fairs::testing
