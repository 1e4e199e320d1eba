#include "services/fairs/runs.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/names.h"

namespace caravan::fairs {

using resources::Registry;

void RegisterRuns(const Registry& registry, const peers::Peer& zones,
                  operations::Operations& operations) {
  operations.Register<v1::Snapshot, v1::Snapshot>(
      kFreezeSnapshot, [&](operations::OperationContext& context, const v1::Snapshot& snapshot) {
        return FreezeSnapshot(registry, zones, context, snapshot);
      });
  operations.Register<v1::Allocation, v1::Allocation>(
      kRunAllocation, [&](operations::OperationContext& context, const v1::Allocation& allocation) {
        return RunAllocation(registry, context, allocation);
      });
  operations.Register<v1::Allocation, v1::Allocation>(
      kPublishAllocation,
      [&](operations::OperationContext& context, const v1::Allocation& allocation) {
        return PublishAllocation(registry, context, allocation);
      });
}

int64_t NumberOf(std::string_view name) {
  int64_t number = 0;
  return absl::SimpleAtoi(LastSegment(name), &number) ? number : 0;
}

std::string RunsGuard(std::string_view fair) { return absl::StrCat("runs/", fair); }

absl::Status CheckNoRerun(const Registry& registry, store::Reader& reader,
                          const v1::Application& application) {
  // Renewals take part in no run.
  if (application.renewal() || application.kind() == v1::Application::SPECIAL) {
    return absl::OkStatus();
  }
  const std::string_view fair = EditionOf(application.name());
  if (auto row = reader.Get(resources::kGuards, RunsGuard(fair)); !row.ok()) return row.status();
  int64_t allotted = 0;
  if (!application.allocation().empty()) {
    auto run = registry.Lookup<v1::Allocation>(reader, application.allocation());
    if (!run.ok()) return run.status();
    if (run->has_value()) allotted = NumberOf((*run)->snapshot());
  }
  const v1::Stage stage = application.kind() == v1::Application::BRAND ? v1::BRAND : v1::GENERAL;
  std::string newer;
  absl::Status s = resources::VisitBelow<v1::Snapshot>(
      registry, reader, {std::string(fair), std::pair("stage", int64_t{stage})},
      [&](const v1::Snapshot& snapshot) {
        if (!snapshot.waiting_list() && snapshot.state() != v1::Snapshot::FAILED &&
            snapshot.state() != v1::Snapshot::DISCARDED && NumberOf(snapshot.name()) > allotted) {
          newer = snapshot.name();
        }
        return newer.empty();
      });
  if (!s.ok() || newer.empty()) return s;
  const std::string why =
      absl::StrCat("the booths of ", application.name(), " are being decided again, from ", newer,
                   "; they can be confirmed once a run of that is published");
  return api::Error(absl::StatusCode::kFailedPrecondition, "RERUN_PENDING", why)
      .With("resource", application.name())
      .Precondition("RERUN_PENDING", newer, why);
}

absl::Status SupersedeRuns(const Registry& registry, const resources::Caller& caller,
                           store::Transaction& tx, std::string_view fair, v1::Stage stage,
                           absl::FunctionRef<bool(const v1::Allocation& run)> which) {
  std::vector<std::string> superseded;
  absl::Status s = resources::VisitBelow<v1::Allocation>(
      registry, tx, {std::string(fair), std::pair("stage", int64_t{stage})},
      [&](const v1::Allocation& run) {
        if (run.simulation_of().empty() && which(run)) superseded.push_back(run.name());
        return true;
      });
  resources::Writer writer(registry, caller, tx);
  for (const std::string& name : superseded) {
    if (!s.ok()) return s;
    s = writer
            .Change<v1::Allocation>(name,
                                    [](v1::Allocation& run) {
                                      run.set_state(v1::Allocation::SUPERSEDED);
                                      return absl::OkStatus();
                                    })
            .status();
  }
  return s;
}

}  // namespace caravan::fairs
