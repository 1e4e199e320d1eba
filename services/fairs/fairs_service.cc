#include "services/fairs/fairs_service.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/fair.h"
#include "services/fairs/invitation.h"

namespace caravan::fairs {

using resources::WriteKind;
using resources::Writing;
using v1::Allocation;
using v1::Fair;
using v1::Invitation;
using v1::Objection;
using v1::Snapshot;

namespace {

constexpr size_t kNamed = 10;

// Checks that phases which go have neither sections nor floor plans.
absl::Status CheckPhasesUnused(const Writing& writing, const Fair& before, const Fair& after) {
  bool gone = false;
  for (const Fair::Phase& phase : before.phases()) {
    gone |= FindPhase(after, phase.id()) == nullptr;
  }
  if (!gone) return absl::OkStatus();
  if (absl::Status s = resources::WatchReferences(writing.reader, before.name()); !s.ok()) return s;
  std::string user, phase;
  const auto visit = [&](const auto& resource) {
    if (FindPhase(after, resource.phase()) != nullptr) return true;
    user = resource.name();
    phase = resource.phase();
    return false;
  };
  absl::Status s = resources::VisitBelow<v1::Section>(writing.registry, writing.reader,
                                                      {.parent = before.name()}, visit);
  if (s.ok() && user.empty()) {
    s = resources::VisitBelow<v1::FloorPlan>(writing.registry, writing.reader,
                                             {.parent = before.name()}, visit);
  }
  if (!s.ok() || user.empty()) return s;
  return api::Error(absl::StatusCode::kFailedPrecondition, "PHASE_IN_USE",
                    absl::StrCat("phase ", phase, " cannot go from ", before.name(), ": ", user,
                                 " is of it"))
      .With("resource", before.name())
      .With("phase", phase)
      .Field("phases", absl::StrCat("lack phase ", phase, ", which ", user, " is of"))
      .Precondition("PHASE", user, absl::StrCat("is of phase ", phase));
}

// Sets anew until when stands of the special area report, where that has changed.
absl::Status MoveReports(const Writing& writing, const Fair& before, const Fair& after) {
  bool moved = before.rules().report_days() != after.rules().report_days();
  for (const Fair::Phase& phase : after.phases()) {
    const Fair::Phase* old_phase = FindPhase(before, phase.id());
    moved |= old_phase != nullptr &&
             api::FirstDay(old_phase->end_date()) != api::FirstDay(phase.end_date());
  }
  if (!moved) return absl::OkStatus();
  if (absl::Status s = resources::WatchReferences(writing.reader, before.name()); !s.ok()) return s;
  std::vector<Invitation> open;
  absl::Status s =
      resources::VisitBelow<Invitation>(writing.registry, writing.reader, {.parent = before.name()},
                                        [&](const Invitation& invitation) {
                                          if (invitation.state() == Invitation::INVITED ||
                                              invitation.state() == Invitation::ACCEPTED) {
                                            open.push_back(invitation);
                                          }
                                          return true;
                                        });
  const resources::Caller caller = writing.caller.Unrestricted();
  resources::Writer writer(writing.registry, caller, writing.tx);
  for (const Invitation& invitation : open) {
    if (!s.ok()) return s;
    auto section =
        resources::Require<v1::Section>(writing.registry, writing.reader, invitation.section());
    if (!section.ok()) return section.status();
    const Fair::Phase* phase = FindPhase(after, section->phase());
    if (phase == nullptr) continue;
    s = writer
            .Change<Invitation>(invitation.name(),
                                [&](Invitation& changed) {
                                  *changed.mutable_report_due_date() = ReportDueDate(after, *phase);
                                  return absl::OkStatus();
                                })
            .status();
  }
  return s;
}

// Checks that all runs and objections are decided, and positions published.
absl::Status CheckAllocated(const Writing& writing, const Fair& fair) {
  if (absl::Status s = resources::WatchReferences(writing.reader, fair.name()); !s.ok()) return s;
  std::vector<std::string> open, allocations;
  bool placed = false;
  absl::Status s = resources::VisitBelow<Allocation>(
      writing.registry, writing.reader, {.parent = fair.name()}, [&](const Allocation& allocation) {
        allocations.push_back(allocation.name());
        return true;
      });
  if (!s.ok()) return s;
  for (const std::string& name : allocations) {
    // By key, so that whoever changes its state meanwhile makes this run again.
    auto allocation = writing.registry.Lookup<Allocation>(writing.reader, name);
    if (!allocation.ok()) return allocation.status();
    if (!allocation->has_value()) continue;
    const Allocation::State state = (*allocation)->state();
    placed |= state == Allocation::PUBLISHED && (*allocation)->stage() == v1::PLACEMENT;
    const bool pending = state == Allocation::RUNNING || state == Allocation::PROPOSED;
    if (pending && (*allocation)->simulation_of().empty()) {
      open.push_back(absl::StrCat(name, " is ", Allocation::State_Name(state)));
    }
    if (absl::Status guard = resources::WatchReferences(writing.reader, name); !guard.ok())
      return guard;
  }
  s = resources::VisitBelow<Objection>(
      writing.registry, writing.reader, {.parent = absl::StrCat(fair.name(), "/allocations/-")},
      [&](const Objection& objection) {
        if (objection.state() == Objection::FILED) {
          open.push_back(absl::StrCat(objection.name(), " is FILED"));
        }
        return open.size() < kNamed;
      });
  if (!s.ok()) return s;
  if (!placed) open.push_back("no run of stage PLACEMENT is published");
  if (open.empty()) return absl::OkStatus();
  if (open.size() > kNamed) open.resize(kNamed);
  api::Error error(absl::StatusCode::kFailedPrecondition, "ALLOCATION_OPEN",
                   absl::StrCat("the booths of ", fair.name(),
                                " are not all given: ", absl::StrJoin(open, "; ")));
  error.With("resource", fair.name());
  for (const std::string& why : open) error.Precondition("ALLOCATION", fair.name(), why);
  return error;
}

// The first snapshot of a stage that was frozen.
absl::StatusOr<std::optional<Snapshot>> FirstSnapshot(const resources::Registry& registry,
                                                      store::Reader& reader,
                                                      const std::string& fair, v1::Stage stage) {
  std::optional<Snapshot> first;
  const auto before = [](const Snapshot& a, const Snapshot& b) {
    return std::pair(a.freeze_time().seconds(), a.freeze_time().nanos()) <
           std::pair(b.freeze_time().seconds(), b.freeze_time().nanos());
  };
  absl::Status s = resources::VisitBelow<Snapshot>(
      registry, reader, {.parent = fair}, [&](const Snapshot& snapshot) {
        // One that was discarded has been seen all the same.
        const bool frozen = snapshot.stage() == stage && (snapshot.state() == Snapshot::FROZEN ||
                                                          snapshot.state() == Snapshot::DISCARDED);
        if (frozen && (!first.has_value() || before(snapshot, *first))) first = snapshot;
        return true;
      });
  if (!s.ok()) return s;
  return first;
}

// Changes a fair as a custom method does.
template <class Request, class F>
absl::StatusOr<Fair> Change(const resources::Registry& registry, rpc::Call& call,
                            store::Transaction& tx, const Request& request, F change) {
  resources::Writer writer(registry, call.caller, tx);
  const resources::Collection& fairs = *registry.FindByMessage(*Fair::descriptor());
  auto before = writer.ReadForChange(fairs, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  Fair fair = static_cast<const Fair&>(*before->message);
  if (absl::Status s = change(fair); !s.ok()) return s;
  auto written = writer.Write(fairs, &*before, fair, WriteKind::kUpdate, "");
  if (!written.ok()) return written.status();
  return fair;
}

}  // namespace

absl::Status PrepareFair(const Writing& writing, const Fair* before, Fair& after) {
  if (absl::Status s = CheckFair(after); !s.ok()) return s;
  if (before == nullptr) return absl::OkStatus();
  if (writing.kind == WriteKind::kTransition) {
    if (after.state() == Fair::OPEN) return CheckOpening(after);
    if (after.state() == Fair::ALLOCATED) return CheckAllocated(writing, after);
    return absl::OkStatus();
  }
  if (absl::Status s = CheckEditionChange(*before, after); !s.ok()) return s;
  if (absl::Status s = CheckRulesChange(*before, after); !s.ok()) return s;
  if (absl::Status s = CheckPhasesUnused(writing, *before, after); !s.ok()) return s;
  return MoveReports(writing, *before, after);
}

absl::StatusOr<Fair> FairsService::CommitLottery(rpc::Call& call, store::Transaction& tx,
                                                 const v1::CommitLotteryRequest& request) {
  return Change(registry_, call, tx, request,
                [&](Fair& fair) { return Commit(request, call.caller.now, fair); });
}

absl::StatusOr<Fair> FairsService::RevealLottery(rpc::Call& call, store::Transaction& tx,
                                                 const v1::RevealLotteryRequest& request) {
  return Change(registry_, call, tx, request, [&](Fair& fair) -> absl::Status {
    auto first = FirstSnapshot(registry_, tx, fair.name(), request.stage());
    if (!first.ok()) return first.status();
    return Reveal(request, first->has_value() ? &**first : nullptr, call.caller.now, fair);
  });
}

}  // namespace caravan::fairs
