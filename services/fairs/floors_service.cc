#include "services/fairs/floors_service.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/fair.h"
#include "services/fairs/floor_plan.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using resources::WriteKind;
using resources::Writing;
using v1::FloorPlan;
using v1::Hall;

namespace {

// Checks that no other floor of the edition is in the way. A row of guards names all of
// them, so that of two that are written at once, one sees the other; it may name some that
// are gone.
absl::Status CheckSite(const Writing& writing, const Hall& hall) {
  const std::string guard = absl::StrCat("floors/", EditionOf(hall.name()));
  auto row = writing.tx.Get(resources::kGuards, guard);
  if (!row.ok()) return row.status();
  std::vector<std::string> names;
  if (row->has_value()) names = absl::StrSplit((*row)->data, '\n', absl::SkipEmpty());
  std::vector<std::string> present;
  for (const std::string& name : names) {
    if (name == hall.name()) continue;
    auto other = writing.registry.Lookup<Hall>(writing.tx, name);
    if (!other.ok()) return other.status();
    if (!other->has_value()) continue;
    if (absl::Status s = CheckApart(hall, **other); !s.ok()) return s;
    present.push_back(name);
  }
  present.push_back(hall.name());
  writing.tx.Put(resources::kGuards, guard, absl::StrJoin(present, "\n"));
  return absl::OkStatus();
}

// Checks that the floor plans of a hall still fit it.
absl::Status CheckPlans(const Writing& writing, const Hall& before, const Hall& after) {
  const std::string edition(EditionOf(after.name()));
  auto fair = writing.registry.Lookup<v1::Fair>(writing.reader, edition);
  if (!fair.ok()) return fair.status();
  if (!fair->has_value()) return absl::OkStatus();
  for (const v1::Fair::Phase& phase : (*fair)->phases()) {
    auto plan = writing.registry.Lookup<FloorPlan>(
        writing.reader,
        absl::StrCat(edition, "/floorPlans/", FloorPlanId(phase.id(), LastSegment(after.name()))));
    if (!plan.ok()) return plan.status();
    if (!plan->has_value()) continue;
    const Floor old_floor(before, **plan);
    if (absl::Status s = CheckStandsKept(old_floor, Floor(after, **plan), **plan); !s.ok()) {
      return s;
    }
    if (absl::Status s = CheckSpans(after, **plan); !s.ok()) {
      return api::Error(absl::StatusCode::kFailedPrecondition, "CELLS_PLANNED",
                        absl::StrCat((*plan)->name(), " gives sections cells that ", after.name(),
                                     " would no longer have: ", s.message(),
                                     "; change the floor plan first"))
          .With("resource", (*plan)->name())
          .Field("rows", absl::StrCat("lack cells that ", (*plan)->name(), " names"))
          .Precondition("FLOOR_PLAN", (*plan)->name(), std::string(s.message()));
    }
  }
  return absl::OkStatus();
}

bool SameSpans(const FloorPlan& a, const FloorPlan& b) {
  return std::equal(a.spans().begin(), a.spans().end(), b.spans().begin(), b.spans().end(),
                    [](const FloorPlan::Span& x, const FloorPlan::Span& y) {
                      return google::protobuf::util::MessageDifferencer::Equals(x, y);
                    });
}

// Checks that the sections of the spans are of the edition and the phase.
absl::Status CheckSections(const Writing& writing, const FloorPlan& plan) {
  api::Violations violations;
  absl::flat_hash_map<std::string, std::string> phases;  // by section; empty: none
  for (int i = 0; i < plan.spans_size(); ++i) {
    const std::string& name = plan.spans(i).section();
    const std::string field = absl::StrCat("spans[", i, "].section");
    const auto [at, added] = phases.emplace(name, "");
    if (added) {
      auto section = writing.registry.Lookup<v1::Section>(writing.reader, name);
      if (!section.ok()) return section.status();
      if (section->has_value()) at->second = (*section)->phase();
    }
    RequireSameEdition(plan.name(), field, name, violations);
    if (!at->second.empty() && at->second != plan.phase()) {
      violations.Add(field, absl::StrCat("is ", name, ", which is of phase ", at->second, ", not ",
                                         plan.phase()));
    }
  }
  return violations.ToStatus();
}

}  // namespace

absl::Status PrepareHall(const Writing& writing, const Hall* before, Hall& after) {
  if (absl::Status s = CheckHall(after); !s.ok()) return s;
  if (before == nullptr || MovesFloor(*before, after)) {
    if (absl::Status s = CheckSite(writing, after); !s.ok()) return s;
  }
  if (before == nullptr) return absl::OkStatus();
  return CheckPlans(writing, *before, after);
}

absl::Status PrepareFloorPlan(const Writing& writing, const FloorPlan* before, FloorPlan& after) {
  // Stands that are placed, moved or removed leave the rest as it was.
  if (before != nullptr && SameSpans(*before, after)) return absl::OkStatus();
  api::Violations violations;
  const std::string id = FloorPlanId(after.phase(), LastSegment(after.hall()));
  if (!after.phase().empty() && !after.hall().empty() && LastSegment(after.name()) != id) {
    violations.Add("name", absl::StrCat("has the id ", api::Quoted(LastSegment(after.name())),
                                        "; must be ", id, ", those of phase and hall"));
  }
  RequireSameEdition(after.name(), "hall", after.hall(), violations);
  auto fair = writing.registry.Lookup<v1::Fair>(writing.reader, EditionOf(after.name()));
  if (!fair.ok()) return fair.status();
  if (fair->has_value() && !after.phase().empty() && FindPhase(**fair, after.phase()) == nullptr) {
    violations.Add("phase",
                   absl::StrCat("is ", api::Quoted(after.phase()), ", which is no phase of ",
                                (*fair)->name(), "; it has: ", PhaseIds(**fair)));
  }
  if (!violations.empty()) return violations.ToStatus();
  if (absl::Status s = CheckSections(writing, after); !s.ok()) return s;
  auto hall = writing.registry.Lookup<Hall>(writing.reader, after.hall());
  if (!hall.ok()) return hall.status();
  // One that does not exist is left to the check of references.
  if (!hall->has_value()) return absl::OkStatus();
  if (absl::Status s = CheckSpans(**hall, after); !s.ok()) return s;
  if (before == nullptr) return absl::OkStatus();
  return CheckStandsKept(Floor(**hall, *before), Floor(**hall, after), after);
}

}  // namespace caravan::fairs
