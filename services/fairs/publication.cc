#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/fair.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/snapshot.h"
#include "services/fairs/stands.h"

namespace caravan::fairs {

using operations::OperationContext;
using resources::Registry;
using v1::Allocation;
using v1::Application;

namespace {

// What a run decided in a section, and the applications that it may concern.
struct SectionOutcome {
  v1::SectionResult result;
  std::map<std::string, std::string, std::less<>> names;  // by pseudonym
};

absl::StatusOr<SectionOutcome> ReadOutcome(const Registry& registry, OperationContext& context,
                                           const Allocation& allocation,
                                           const std::string& section) {
  SectionOutcome outcome;
  absl::Status s = context.Read([&](store::Reader& reader) {
    outcome = {};
    auto result = resources::Require<v1::SectionResult>(
        registry, reader,
        absl::StrCat(allocation.name(), "/sectionResults/", LastSegment(section)));
    if (!result.ok()) return result.status();
    outcome.result = *std::move(result);
    return resources::Visit<Application>(
        registry, reader, "section", {section}, [&](const Application& application) {
          outcome.names[application.pseudonym()] = application.name();
        });
  });
  if (!s.ok()) return s;
  return outcome;
}

// What quantities do to an application; false where it stays as it is, for it has left
// the run's hands meanwhile.
bool Allot(const Allocation& allocation, const v1::SectionResult::Decision& decision,
           bool waiting_list, Application& application) {
  if (!TakesPart(application, allocation.stage(), waiting_list)) return false;
  application.set_allocation(allocation.name());
  application.set_allotted_booths(decision.booths());
  application.clear_confirmation_due_date();
  if (decision.booths() > 0) {
    application.set_state(Application::ALLOTTED);
    // Both are so many days after the publication.
    *application.mutable_confirmation_due_date() =
        DaysAfter(allocation.objection_due_date(),
                  allocation.rules().confirmation_days() - allocation.rules().objection_days());
  } else if (decision.reason() != "EXCLUDED" || application.state() == Application::ALLOTTED) {
    application.set_state(Application::WAITLISTED);
  }
  return true;
}

// Gives a section's applications their booths, or their positions. One transaction: a
// section is published as a whole.
class SectionPublisher {
 public:
  SectionPublisher(const Registry& registry, const resources::Caller& caller,
                   store::Transaction& tx, const Allocation& allocation, bool waiting_list)
      : registry_(registry),
        tx_(tx),
        writer_(registry, caller, tx),
        applications_(*registry.FindByMessage(*Application::descriptor())),
        plans_(*registry.FindByMessage(*v1::FloorPlan::descriptor())),
        allocation_(allocation),
        waiting_list_(waiting_list) {}

  absl::Status Publish(const SectionOutcome& outcome, const std::string& phase,
                       const std::string& section) {
    for (const auto& decision : outcome.result.decisions()) {
      const auto name = outcome.names.find(decision.pseudonym());
      if (name == outcome.names.end()) continue;
      if (absl::Status s = Decide(name->second, decision, phase, section); !s.ok()) return s;
    }
    for (auto& [name, plan] : open_plans_) {
      auto written =
          writer_.Write(plans_, &plan.before, plan.after, resources::WriteKind::kUpdate, "");
      if (!written.ok()) return written.status();
    }
    return absl::OkStatus();
  }

 private:
  struct OpenPlan {
    v1::Hall hall;
    resources::Writer::Stored before;
    v1::FloorPlan after;
  };

  absl::Status Decide(const std::string& name, const v1::SectionResult::Decision& decision,
                      const std::string& phase, const std::string& section) {
    auto before = writer_.Read(applications_, name);
    if (!before.ok()) return before.status();
    if (!before->has_value()) return absl::OkStatus();
    Application application = static_cast<const Application&>(*(*before)->message);
    if (allocation_.stage() == v1::PLACEMENT) {
      auto placed = Place(decision, phase, section, application);
      if (!placed.ok()) return placed.status();
      if (!*placed) return absl::OkStatus();
    } else if (!Allot(allocation_, decision, waiting_list_, application)) {
      return absl::OkStatus();
    }
    return writer_.Write(applications_, &**before, application, resources::WriteKind::kUpdate, "")
        .status();
  }

  // Who has returned its booths meanwhile, or whose cells somebody was moved to, stays as
  // it is: the next run places it.
  absl::StatusOr<bool> Place(const v1::SectionResult::Decision& decision, const std::string& phase,
                             const std::string& section, Application& application) {
    if (!TakesPart(application, v1::PLACEMENT, false)) return false;
    if (!decision.row().empty() && application.allotted_booths() != decision.booths()) return false;
    application.set_allocation(allocation_.name());
    if (decision.row().empty()) return true;
    auto plan = Open(phase, decision.hall());
    if (!plan.ok()) return plan.status();
    if (*plan == nullptr) return false;
    const NewStand stand = {application.name(), section, decision.row(), decision.first_number(),
                            decision.booths()};
    if (!PlaceStands((*plan)->hall, {stand}, (*plan)->after).ok()) return false;
    *application.mutable_position() = PositionOf((*plan)->hall, stand);
    application.set_state(Application::POSITIONED);
    return true;
  }

  // Null where the plan or its hall is gone.
  absl::StatusOr<OpenPlan*> Open(const std::string& phase, const std::string& hall_id) {
    const std::string fair =
        allocation_.name().substr(0, allocation_.name().rfind("/allocations/"));
    const std::string name = absl::StrCat(fair, "/floorPlans/", phase, "-", hall_id);
    const auto open = open_plans_.find(name);
    if (open != open_plans_.end()) return &open->second;
    auto before = writer_.Read(plans_, name);
    if (!before.ok()) return before.status();
    auto hall = registry_.Lookup<v1::Hall>(tx_, absl::StrCat(fair, "/halls/", hall_id));
    if (!hall.ok()) return hall.status();
    if (!before->has_value() || !hall->has_value()) return nullptr;
    OpenPlan& plan = open_plans_[name];
    plan.hall = **std::move(hall);
    plan.before = **std::move(before);
    plan.after = static_cast<const v1::FloorPlan&>(*plan.before.message);
    return &plan;
  }

  const Registry& registry_;
  store::Transaction& tx_;
  resources::Writer writer_;
  const resources::Collection& applications_;
  const resources::Collection& plans_;
  const Allocation& allocation_;
  const bool waiting_list_;
  std::map<std::string, OpenPlan> open_plans_;
};

}  // namespace

absl::StatusOr<Allocation> PublishAllocation(const Registry& registry, OperationContext& context,
                                             const Allocation& allocation) {
  v1::Snapshot snapshot;
  absl::Status s = context.Read([&](store::Reader& reader) {
    auto read = resources::Require<v1::Snapshot>(registry, reader, allocation.snapshot());
    if (read.ok()) snapshot = *std::move(read);
    return read.status();
  });
  if (!s.ok()) return s;
  int next = 0;
  if (!context.checkpoint().empty() && !absl::SimpleAtoi(context.checkpoint(), &next)) {
    return absl::DataLossError("the checkpoint of a publication");
  }
  for (; next < allocation.sections_size(); ++next) {
    // It is published: what is begun is done, by another process where this one stops.
    if (context.stopping()) return context.CancelledStatus();
    const std::string& section = allocation.sections(next);
    context.SetProgress(next, allocation.sections_size(),
                        absl::StrCat("Publishing ", LastSegment(section)));
    auto outcome = ReadOutcome(registry, context, allocation, section);
    if (!outcome.ok()) return outcome.status();
    s = context.Write(
        [&](store::Transaction& tx) -> absl::Status {
          auto of_section = registry.Lookup<v1::Section>(tx, section);
          if (!of_section.ok()) return of_section.status();
          // A section cannot go while applications name it.
          if (!of_section->has_value()) return absl::OkStatus();
          return SectionPublisher(registry, context.caller().Unrestricted(), tx, allocation,
                                  snapshot.waiting_list())
              .Publish(*outcome, (*of_section)->phase(), section);
        },
        absl::StrCat(next + 1));
    if (!s.ok()) return s;
  }
  return allocation;
}

}  // namespace caravan::fairs
