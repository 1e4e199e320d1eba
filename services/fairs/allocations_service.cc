#include "services/fairs/allocations_service.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/operations/operation_record.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/explanation.h"
#include "services/fairs/fair.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using google::protobuf::util::TimeUtil;
using resources::Registry;
using resources::Writing;
using v1::Allocation;
using v1::Application;

namespace {

// Applications whose booths differ, that a comparison of all sections shows.
constexpr int kMostDifferences = 1000;

// Where a published run's applications get what it decided.
struct PublicationFacts {
  operations::Operations* operations;
};

api::Error Precondition(std::string_view reason, std::string_view resource, std::string message) {
  api::Error error(absl::StatusCode::kFailedPrecondition, reason, message);
  error.With("resource", resource).Precondition(reason, resource, std::move(message));
  return error;
}

// Takes so many numbers for snapshots and runs, and returns the last that is taken. The
// row of guards that has it is written by whoever starts a snapshot, a run or a
// publication, so that of two one is run again, and sees the other.
absl::StatusOr<int64_t> TakeNumbers(store::Transaction& tx, std::string_view fair, int64_t count) {
  const std::string key = RunsGuard(fair);
  auto row = tx.Get(resources::kGuards, key);
  if (!row.ok()) return row.status();
  int64_t last = 0;
  if (row->has_value() && !absl::SimpleAtoi((*row)->data, &last)) {
    return absl::DataLossError("the number of the last run");
  }
  tx.Put(resources::kGuards, key, absl::StrCat(last + count));
  return last + count;
}

// Whoever freezes, runs or publishes meanwhile would see sections that are published
// beside others that are not.
absl::Status CheckNothingIsPublished(const Registry& registry, store::Reader& reader,
                                     std::string_view fair) {
  std::vector<Allocation> published;
  absl::Status s = resources::VisitBelow<Allocation>(
      registry, reader, {std::string(fair), std::pair("state", int64_t{Allocation::PUBLISHED})},
      [&](const Allocation& allocation) {
        published.push_back(allocation);
        return true;
      });
  if (!s.ok()) return s;
  for (const Allocation& allocation : published) {
    // One that has been deleted was done long ago.
    auto publication = operations::ReadRecord(reader, allocation.publication());
    if (!publication.ok()) return publication.status();
    if (!publication->has_value() || operations::IsDone(**publication)) continue;
    return Precondition("RUN_IN_PROGRESS", allocation.name(),
                        absl::StrCat(allocation.name(), " is being published; wait until ",
                                     allocation.publication(), " is done"));
  }
  return absl::OkStatus();
}

// Two at the same time could see different states of one fair.
absl::Status CheckNothingRuns(const Registry& registry, store::Reader& reader,
                              std::string_view fair) {
  std::string running;
  absl::Status s = resources::VisitBelow<v1::Snapshot>(
      registry, reader, {std::string(fair), std::pair("state", int64_t{v1::Snapshot::FREEZING})},
      [&](const v1::Snapshot& snapshot) {
        running = snapshot.name();
        return false;
      });
  if (s.ok()) {
    s = resources::VisitBelow<Allocation>(
        registry, reader, {std::string(fair), std::pair("state", int64_t{Allocation::RUNNING})},
        [&](const Allocation& allocation) {
          running = allocation.name();
          return false;
        });
  }
  if (!s.ok()) return s;
  if (running.empty()) return CheckNothingIsPublished(registry, reader, fair);
  return Precondition("RUN_IN_PROGRESS", running,
                      absl::StrCat(running, " is being made; wait until it is, or cancel it"));
}

absl::Status CheckScreened(const Registry& registry, store::Reader& reader, const v1::Fair& fair,
                           const v1::FreezeSnapshotRequest& request) {
  if (request.stage() == v1::PLACEMENT || request.waiting_list()) return absl::OkStatus();
  const auto kind = request.stage() == v1::BRAND ? Application::BRAND : Application::GENERAL;
  std::string open;
  for (const auto state : {Application::SUBMITTED, Application::SCREENED, Application::ALLOTTED}) {
    absl::Status s = resources::VisitBelow<Application>(
        registry, reader, {fair.name(), std::pair("state", int64_t{state})},
        [&](const Application& application) {
          if (application.kind() == kind &&
              (state != Application::ALLOTTED || application.renewal())) {
            open = application.name();
          }
          return open.empty();
        });
    if (!s.ok()) return s;
    if (open.empty()) continue;
    if (state == Application::ALLOTTED) {
      return Precondition(
          "RENEWALS_OPEN", open,
          absl::StrCat(open, " renews brand booths and is neither confirmed, ",
                       "returned nor forfeited; after ", "the day of renewals, forfeit it"));
    }
    return Precondition("SCREENING_OPEN", open,
                        absl::StrCat(open, " is ", Application::State_Name(state),
                                     "; screen, score or reject it first"));
  }
  return absl::OkStatus();
}

absl::Status CheckQuotas(const Registry& registry, store::Reader& reader, const v1::Fair& fair,
                         const v1::FreezeSnapshotRequest& request) {
  if (request.stage() != v1::GENERAL) return absl::OkStatus();
  std::vector<v1::Section> sections;
  absl::Status s = resources::VisitBelow<v1::Section>(registry, reader, {fair.name()},
                                                      [&](const v1::Section& section) {
                                                        if (section.kind() == v1::Section::REGULAR)
                                                          sections.push_back(section);
                                                        return true;
                                                      });
  if (!s.ok()) return s;
  std::vector<int64_t> booths(sections.size());
  s = resources::VisitBelow<v1::Quota>(registry, reader, {fair.name()},
                                       [&](const v1::Quota& quota) {
                                         for (size_t i = 0; i < sections.size(); ++i) {
                                           if (sections[i].name() == quota.section())
                                             booths[i] += quota.booths();
                                         }
                                         return true;
                                       });
  if (!s.ok()) return s;
  for (size_t i = 0; i < sections.size(); ++i) {
    const int64_t supply = sections[i].general_booths();
    if (booths[i] > supply || (booths[i] == 0 && supply > 0)) {
      return Precondition(
          "QUOTAS_NOT_DIVIDED", sections[i].name(),
          absl::StrCat("the quotas of ", sections[i].name(), " have ", booths[i], " booths of its ",
                       supply, " general ones; divide them (divideQuotas)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SectionResult> ResultOf(const Registry& registry, store::Reader& reader,
                                           const Allocation& allocation,
                                           const std::string& section) {
  return resources::Require<v1::SectionResult>(
      registry, reader, absl::StrCat(allocation.name(), "/sectionResults/", LastSegment(section)));
}

absl::Status CheckComputed(const Allocation& allocation) {
  switch (allocation.state()) {
    case Allocation::PROPOSED:
    case Allocation::PUBLISHED:
    case Allocation::SUPERSEDED:
      return absl::OkStatus();
    default:
      return Precondition(
          "ALLOCATION_NOT_COMPUTED", allocation.name(),
          absl::StrCat(allocation.name(), " is ", Allocation::State_Name(allocation.state()),
                       "; it has no results"));
  }
}

// The run of a snapshot by other rules than its own, or by these.
Allocation NewRun(const v1::Snapshot& snapshot, const v1::Rules& rules, std::string_view seed,
                  const rpc::Call& call) {
  Allocation allocation;
  allocation.set_stage(snapshot.stage());
  allocation.set_snapshot(snapshot.name());
  allocation.set_inputs_digest(snapshot.digest());
  *allocation.mutable_rules() = rules;
  allocation.set_seed(std::string(seed));
  *allocation.mutable_sections() = snapshot.sections();
  allocation.set_runner(call.caller.principal.name);
  allocation.set_state(Allocation::RUNNING);
  return allocation;
}

// Makes the run and starts its operation.
absl::StatusOr<google::longrunning::Operation> Start(const Registry& registry,
                                                     operations::Operations& operations,
                                                     const rpc::Call& call, store::Transaction& tx,
                                                     const std::string& fair,
                                                     Allocation allocation) {
  if (absl::Status s = CheckNothingRuns(registry, tx, fair); !s.ok()) return s;
  auto number = TakeNumbers(tx, fair, 1);
  if (!number.ok()) return number.status();
  allocation.set_name(absl::StrCat(fair, "/allocations/", *number));
  auto operation = operations.Start(call.caller, tx, kRunAllocation, allocation, allocation.name());
  if (!operation.ok()) return operation;
  allocation.set_operation(operation->name());
  const resources::Caller caller = call.caller.Unrestricted();
  resources::Writer writer(registry, caller, tx);
  auto written = writer.Write(*registry.FindByMessage(*Allocation::descriptor()), nullptr,
                              allocation, resources::WriteKind::kCreate, "");
  if (!written.ok()) return written.status();
  return operation;
}

absl::StatusOr<v1::Snapshot> RequireFrozen(const Registry& registry, store::Reader& reader,
                                           const std::string& name) {
  auto snapshot = resources::Require<v1::Snapshot>(registry, reader, name);
  if (snapshot.ok() && snapshot->state() != v1::Snapshot::FROZEN) {
    return Precondition("SNAPSHOT_NOT_FROZEN", name,
                        absl::StrCat(name, " is ", v1::Snapshot::State_Name(snapshot->state()),
                                     "; only a FROZEN one can be run"));
  }
  return snapshot;
}

// A run that came of newer inputs would be undone by this one, and booths that another
// has given since its inputs were frozen would be given twice.
absl::Status CheckNewest(const Writing& writing, const Allocation& allocation,
                         const v1::Snapshot& snapshot) {
  std::string newer;
  absl::Status s = resources::VisitBelow<v1::Snapshot>(
      writing.registry, writing.reader,
      {std::string(EditionOf(allocation.name())), std::pair("stage", int64_t{allocation.stage()})},
      [&](const v1::Snapshot& other) {
        if (other.state() == v1::Snapshot::FROZEN &&
            other.waiting_list() == snapshot.waiting_list() &&
            NumberOf(other.name()) > NumberOf(snapshot.name())) {
          newer = other.name();
        }
        return newer.empty();
      });
  if (!s.ok()) return s;
  if (!newer.empty()) {
    return Precondition("INPUTS_CHANGED", allocation.name(),
                        absl::StrCat(allocation.name(), " was made of ", snapshot.name(),
                                     ", and there is the newer ", newer, "; run that"));
  }
  // Placement takes only cells that are free when it is published.
  if (allocation.stage() == v1::PLACEMENT) return absl::OkStatus();
  s = resources::VisitBelow<Allocation>(
      writing.registry, writing.reader, {std::string(EditionOf(allocation.name()))},
      [&](const Allocation& other) {
        if (other.has_publish_time() && other.stage() != v1::PLACEMENT &&
            other.snapshot() != snapshot.name() && other.publish_time() > snapshot.freeze_time()) {
          newer = other.name();
        }
        return newer.empty();
      });
  if (!s.ok() || newer.empty()) return s;
  return Precondition("INPUTS_CHANGED", allocation.name(),
                      absl::StrCat(newer, " was published after ", snapshot.name(), ", of which ",
                                   allocation.name(), " was made; freeze a new one, and run that"));
}

absl::Status Discard(const Writing& writing, const v1::Snapshot& snapshot) {
  const std::string_view fair = EditionOf(snapshot.name());
  if (absl::Status s = CheckNothingRuns(writing.registry, writing.reader, fair); !s.ok()) return s;
  std::string published;
  absl::Status s = resources::VisitBelow<Allocation>(
      writing.registry, writing.reader,
      {std::string(fair), std::pair("stage", int64_t{snapshot.stage()})},
      [&](const Allocation& run) {
        if (run.snapshot() == snapshot.name() && run.has_publish_time()) published = run.name();
        return published.empty();
      });
  if (!s.ok()) return s;
  if (!published.empty()) {
    return Precondition("SNAPSHOT_PUBLISHED", snapshot.name(),
                        absl::StrCat(published, " was made of ", snapshot.name(),
                                     ", and has been published; freeze a new one instead"));
  }
  if (auto last = TakeNumbers(writing.tx, fair, 0); !last.ok()) return last.status();
  return SupersedeRuns(writing.registry, writing.caller.Unrestricted(), writing.tx, fair,
                       snapshot.stage(), [&](const Allocation& run) {
                         return run.state() == Allocation::PROPOSED &&
                                run.snapshot() == snapshot.name();
                       });
}

absl::Status Publish(const Writing& writing, Allocation& allocation) {
  if (!allocation.simulation_of().empty()) {
    return Precondition(
        "SIMULATION_NOT_PUBLISHABLE", allocation.name(),
        absl::StrCat(allocation.name(), " simulates other rules for ", allocation.simulation_of(),
                     "; change the edition's rules before its next edition"));
  }
  auto snapshot =
      resources::Require<v1::Snapshot>(writing.registry, writing.reader, allocation.snapshot());
  if (!snapshot.ok()) return snapshot.status();
  const std::string_view fair = EditionOf(allocation.name());
  if (absl::Status s = CheckNothingIsPublished(writing.registry, writing.reader, fair); !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckNewest(writing, allocation, *snapshot); !s.ok()) return s;
  if (auto last = TakeNumbers(writing.tx, fair, 0); !last.ok()) return last.status();
  // A run of a waiting list adds to those before it; any other takes their place.
  if (!snapshot->waiting_list()) {
    absl::Status s = SupersedeRuns(
        writing.registry, writing.caller.Unrestricted(), writing.tx, fair, allocation.stage(),
        [](const Allocation& run) { return run.state() == Allocation::PUBLISHED; });
    if (!s.ok()) return s;
  }
  allocation.set_publisher(writing.caller.principal.name);
  *allocation.mutable_publish_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(writing.caller.now));
  *allocation.mutable_objection_due_date() =
      DaysAfter(api::DateOfDay(writing.caller.today), allocation.rules().objection_days());
  const auto* facts = writing.caller.Facts<PublicationFacts>();
  if (facts == nullptr) return absl::InternalError("a publication without operations");
  auto operation = facts->operations->Start(writing.caller, writing.tx, kPublishAllocation,
                                            allocation, allocation.name());
  if (!operation.ok()) return operation.status();
  allocation.set_publication(operation->name());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<google::longrunning::Operation> SnapshotsService::FreezeSnapshot(
    rpc::Call& call, store::Transaction& tx, const v1::FreezeSnapshotRequest& request) {
  auto fair = resources::Require<v1::Fair>(registry_, tx, request.parent());
  if (!fair.ok()) return fair.status();
  if (fair->state() != v1::Fair::SCORING && fair->state() != v1::Fair::ALLOCATED) {
    return Precondition("FAIR_NOT_SCORING", fair->name(),
                        absl::StrCat(fair->name(), " is ", v1::Fair::State_Name(fair->state()),
                                     "; inputs are frozen while it is SCORING or ALLOCATED"));
  }
  if (request.waiting_list() && request.stage() == v1::PLACEMENT) {
    api::Violations violations;
    violations.Add("waiting_list", "is set; nobody waits in stage PLACEMENT");
    return violations.ToStatus();
  }
  if (absl::Status s = CheckNothingRuns(registry_, tx, fair->name()); !s.ok()) return s;
  if (absl::Status s = CheckScreened(registry_, tx, *fair, request); !s.ok()) return s;
  if (absl::Status s = CheckQuotas(registry_, tx, *fair, request); !s.ok()) return s;
  auto number = TakeNumbers(tx, fair->name(), 1);
  if (!number.ok()) return number.status();
  v1::Snapshot snapshot;
  snapshot.set_name(absl::StrCat(fair->name(), "/snapshots/", *number));
  snapshot.set_stage(request.stage());
  snapshot.set_waiting_list(request.waiting_list());
  snapshot.set_freezer(call.caller.principal.name);
  snapshot.set_state(v1::Snapshot::FREEZING);
  auto operation = operations_.Start(call.caller, tx, kFreezeSnapshot, snapshot, snapshot.name());
  if (!operation.ok()) return operation;
  snapshot.set_operation(operation->name());
  const resources::Caller caller = call.caller.Unrestricted();
  resources::Writer writer(registry_, caller, tx);
  auto written = writer.Write(*registry_.FindByMessage(*v1::Snapshot::descriptor()), nullptr,
                              snapshot, resources::WriteKind::kCreate, "");
  if (!written.ok()) return written.status();
  return operation;
}

AllocationsService::AllocationsService(const Registry& registry, operations::Operations& operations)
    : registry_(registry), operations_(operations) {
  BindBefore<v1::PublishAllocationRequest>(
      "PublishAllocation",
      [&operations](rpc::Call& call, const v1::PublishAllocationRequest&) -> absl::Status {
        call.caller.facts = PublicationFacts{&operations};
        return absl::OkStatus();
      });
}

absl::StatusOr<google::longrunning::Operation> AllocationsService::RunAllocation(
    rpc::Call& call, store::Transaction& tx, const v1::RunAllocationRequest& request) {
  api::Violations violations;
  RequireSameEdition(request.parent(), "snapshot", request.snapshot(), violations);
  if (!violations.empty()) return violations.ToStatus();
  auto fair = resources::Require<v1::Fair>(registry_, tx, request.parent());
  if (!fair.ok()) return fair.status();
  auto snapshot = RequireFrozen(registry_, tx, request.snapshot());
  if (!snapshot.ok()) return snapshot.status();
  const v1::Fair::Draw* draw = FindDraw(*fair, snapshot->stage());
  if (draw == nullptr || draw->seed().empty()) {
    return Precondition("LOTTERY_NOT_DRAWN", fair->name(),
                        absl::StrCat("the lottery of stage ", v1::Stage_Name(snapshot->stage()),
                                     " is not drawn; reveal its secret first (revealLottery)"));
  }
  Allocation allocation = NewRun(*snapshot, snapshot->rules(), draw->seed(), call);
  if (request.dry_run()) {
    return operations_.Start(call.caller, tx, kRunAllocation, allocation, fair->name());
  }
  auto operation = Start(registry_, operations_, call, tx, fair->name(), std::move(allocation));
  return operation;
}

absl::StatusOr<google::longrunning::Operation> AllocationsService::SimulateAllocation(
    rpc::Call& call, store::Transaction& tx, const v1::SimulateAllocationRequest& request) {
  auto run = resources::Require<Allocation>(registry_, tx, request.name());
  if (!run.ok()) return run.status();
  if (absl::Status s = CheckComputed(*run); !s.ok()) return s;
  api::Violations violations;
  CheckRules(request.rules(), "rules.", violations);
  if (!violations.empty()) return violations.ToStatus();
  auto snapshot = RequireFrozen(registry_, tx, run->snapshot());
  if (!snapshot.ok()) return snapshot.status();
  Allocation allocation = NewRun(*snapshot, request.rules(), run->seed(), call);
  allocation.set_simulation_of(run->name());
  auto operation = Start(registry_, operations_, call, tx, std::string(EditionOf(run->name())),
                         std::move(allocation));
  return operation;
}

absl::StatusOr<v1::CompareAllocationsResponse> AllocationsService::CompareAllocations(
    rpc::Call&, store::Reader& reader, const v1::CompareAllocationsRequest& request) {
  auto run = resources::Require<Allocation>(registry_, reader, request.name());
  if (!run.ok()) return run.status();
  auto other = resources::Require<Allocation>(registry_, reader, request.other());
  if (!other.ok()) return other.status();
  for (const Allocation* allocation : {&*run, &*other}) {
    if (absl::Status s = CheckComputed(*allocation); !s.ok()) return s;
  }
  if (run->snapshot() != other->snapshot()) {
    return Precondition(
        "SNAPSHOTS_DIFFER", other->name(),
        absl::StrCat(run->name(), " was made of ", run->snapshot(), " and ", other->name(), " of ",
                     other->snapshot(), "; only runs of one snapshot can be compared"));
  }
  v1::CompareAllocationsResponse response;
  bool found = request.section().empty();
  for (const std::string& section : run->sections()) {
    if (!request.section().empty() && request.section() != section) continue;
    found = true;
    auto mine = ResultOf(registry_, reader, *run, section);
    if (!mine.ok()) return mine.status();
    auto theirs = ResultOf(registry_, reader, *other, section);
    if (!theirs.ok()) return theirs.status();
    CompareSection(section, *mine, *theirs, kMostDifferences, response);
  }
  if (!found) {
    api::Violations violations;
    violations.Add("section",
                   absl::StrCat("is ", request.section(), "; must be one of ", run->name(), "'s"));
    return violations.ToStatus();
  }
  return response;
}

absl::StatusOr<v1::Bundle> AllocationsService::ExportBundle(
    rpc::Call& call, store::Reader& reader, const v1::ExportBundleRequest& request) {
  auto run = resources::Require<Allocation>(registry_, reader, request.name());
  if (!run.ok()) return run.status();
  if (absl::Status s = CheckComputed(*run); !s.ok()) return s;
  const resources::Collection& results = *registry_.FindByMessage(*v1::SectionResult::descriptor());
  const bool was_published = run->has_publish_time();
  v1::Bundle bundle;
  auto result = ResultOf(registry_, reader, *run, request.section());
  if (!result.ok()) return result.status();
  if (!was_published && !call.caller.Permits(*results.type, *result, results.read_permission)) {
    return Precondition("ALLOCATION_NOT_PUBLISHED", run->name(),
                        absl::StrCat(run->name(), " is not published; until then only those are ",
                                     "told who may read its results"));
  }
  auto fair = resources::Require<v1::Fair>(registry_, reader, EditionOf(run->name()));
  if (!fair.ok()) return fair.status();
  auto snapshot = resources::Require<v1::Snapshot>(registry_, reader, run->snapshot());
  if (!snapshot.ok()) return snapshot.status();
  const v1::Fair::Draw* draw = FindDraw(*fair, run->stage());
  if (draw != nullptr) *bundle.mutable_draw() = *draw;
  for (const std::string& section : run->sections()) {
    auto inputs = resources::Require<v1::SectionInputs>(
        registry_, reader, absl::StrCat(run->snapshot(), "/sectionInputs/", LastSegment(section)));
    if (!inputs.ok()) return inputs.status();
    auto of_section = ResultOf(registry_, reader, *run, section);
    if (!of_section.ok()) return of_section.status();
    bundle.add_inputs_digests(inputs->digest());
    bundle.add_result_digests(of_section->digest());
    if (section == request.section()) *bundle.mutable_inputs() = *std::move(inputs);
  }
  *bundle.mutable_allocation() = *std::move(run);
  *bundle.mutable_snapshot() = *std::move(snapshot);
  *bundle.mutable_result() = *std::move(result);
  return bundle;
}

absl::Status PrepareSnapshot(const Writing& writing, const v1::Snapshot* before,
                             v1::Snapshot& after) {
  if (before == nullptr || writing.kind != resources::WriteKind::kTransition) {
    return absl::OkStatus();
  }
  return Discard(writing, after);
}

absl::Status PrepareAllocation(const Writing& writing, const Allocation* before,
                               Allocation& after) {
  if (before == nullptr || writing.kind != resources::WriteKind::kTransition ||
      after.state() != Allocation::PUBLISHED) {
    return absl::OkStatus();
  }
  return Publish(writing, after);
}

absl::Status PrepareObjection(const Writing& writing, const v1::Objection* before,
                              v1::Objection& after) {
  if (before != nullptr) {
    if (writing.kind != resources::WriteKind::kUpdate || before->state() == v1::Objection::FILED) {
      return absl::OkStatus();
    }
    return Precondition(
        "OBJECTION_DECIDED", after.name(),
        absl::StrCat(after.name(), " is ", v1::Objection::State_Name(before->state()),
                     "; it can no longer be changed"));
  }
  const std::string run = after.name().substr(0, after.name().rfind("/objections/"));
  auto allocation = writing.registry.Lookup<Allocation>(writing.reader, run);
  if (!allocation.ok()) return allocation.status();
  // One that does not exist is left to the check of the parent.
  if (!allocation->has_value()) return absl::OkStatus();
  api::Violations violations;
  RequireSameEdition(after.name(), "application", after.application(), violations);
  if (!violations.empty()) return violations.ToStatus();
  const auto& due = (*allocation)->objection_due_date();
  if ((*allocation)->state() != Allocation::PUBLISHED ||
      writing.caller.today > api::FirstDay(due)) {
    return Precondition(
        "OBJECTIONS_CLOSED", run,
        (*allocation)->state() != Allocation::PUBLISHED
            ? absl::StrCat(run, " is ", Allocation::State_Name((*allocation)->state()),
                           "; objections are to a PUBLISHED run")
            : absl::StrCat("objections to ", run, " were due by ", api::FormatDate(due)));
  }
  auto application = writing.registry.Lookup<Application>(writing.reader, after.application());
  if (!application.ok()) return application.status();
  if (application->has_value()) after.set_enterprise((*application)->enterprise());
  after.set_filer(writing.caller.principal.name);
  return absl::OkStatus();
}

}  // namespace caravan::fairs
