#include "services/zones/exchange_meetings_service.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/zones/action_item.h"
#include "services/zones/exchange_meeting.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

using resources::WriteKind;
using resources::Writing;
using v1::ActionItem;
using v1::ExchangeMeeting;

namespace {

constexpr size_t kItemsNamed = 10;

// Checks that every action item of a meeting is done.
absl::Status CheckItemsDone(const Writing& writing, const ExchangeMeeting& meeting) {
  // A scan is not checked when the transaction commits. But a new item touches
  // this guard, so that the transaction is run again; and done items stay so.
  const std::string guard = resources::ReferenceGuard(meeting.name());
  if (auto row = writing.reader.Get(resources::kGuards, guard); !row.ok()) return row.status();
  std::vector<std::string> open;
  absl::Status s = resources::VisitBelow<ActionItem>(
      writing.registry, writing.reader, {.parent = meeting.name()}, [&](const ActionItem& item) {
        if (item.state() != ActionItem::DONE) open.push_back(item.name());
        return open.size() < kItemsNamed;
      });
  if (!s.ok()) return s;
  return open.empty() ? absl::OkStatus() : ActionItemsOpen(meeting, open);
}

// Whether the caller may do this for the host of the meeting, rather than for
// the zone that owes the item.
bool ActsForHost(const resources::Caller& caller, const ActionItem& item) {
  const std::string_view host = item.host_zone();
  return caller.access->Check(caller.principal, caller.permission, item.name()) ==
             identity::Grant::kGranted ||
         caller.access->OwnerGrants(caller.principal, caller.permission, {host});
}

}  // namespace

absl::Status PrepareExchangeMeeting(const Writing& writing, const ExchangeMeeting* before,
                                    ExchangeMeeting& after) {
  if (before != nullptr && writing.kind == WriteKind::kUpdate) {
    if (absl::Status s = CheckMeetingOpen(*before); !s.ok()) return s;
  }
  if (absl::Status s = CheckExchangeMeeting(after); !s.ok()) return s;
  if (before != nullptr && before->state() != ExchangeMeeting::CLOSED &&
      after.state() == ExchangeMeeting::CLOSED) {
    if (absl::Status s = CheckItemsDone(writing, after); !s.ok()) return s;
  }
  if (writing.kind == WriteKind::kTransition) {
    return CheckMeetingStep(after, writing.caller.today);
  }
  if (before != nullptr || writing.kind == WriteKind::kLoad) return absl::OkStatus();
  auto zone = writing.registry.Lookup<v1::PilotZone>(writing.reader, after.host_zone());
  if (!zone.ok()) return zone.status();
  // One that does not exist is left to the check of references.
  if (!zone->has_value()) return absl::OkStatus();
  return CheckInForce(**zone, api::FirstDay(after.start_date()),
                      absl::StrCat("host ", after.name()));
}

absl::Status PrepareActionItem(const Writing& writing, const ActionItem* before,
                               ActionItem& after) {
  const auto& pattern = writing.registry.FindByMessage(*ActionItem::descriptor())->type->pattern();
  auto meeting =
      writing.registry.Lookup<ExchangeMeeting>(writing.reader, pattern.Parent(after.name()));
  if (!meeting.ok()) return meeting.status();
  // One that does not exist is left to the check of references.
  if (!meeting->has_value()) return absl::OkStatus();
  if (absl::Status s = CheckMeetingOpen(**meeting); !s.ok()) return s;
  if (absl::Status s = CheckActionItem(after, **meeting, writing.caller.today); !s.ok()) return s;
  if (ChangesTask(before, after) && !ActsForHost(writing.caller, after)) {
    return writing.caller.Denied(after.host_zone());
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SummarizeOverdueActionItemsResponse>
ActionItemsService::SummarizeOverdueActionItems(
    rpc::Call& call, store::Reader& reader, const v1::SummarizeOverdueActionItemsRequest& request) {
  const std::string& zone = request.pilot_zone();
  if (!zone.empty()) {
    auto found = resources::Require<v1::PilotZone>(registry_, reader, zone);
    if (!found.ok()) return found.status();
  }
  OverdueCounter counter(request.has_effective_date() ? api::FirstDay(request.effective_date())
                                                      : call.caller.today);
  absl::Status s = resources::VisitBelow<ActionItem>(
      registry_, reader, {.parent = request.parent()}, [&](const ActionItem& item) {
        const bool wanted = zone.empty() || item.pilot_zone() == zone || item.host_zone() == zone;
        if (wanted) counter.Add(item);
        return !call.cancelled();
      });
  if (!s.ok()) return s;
  return counter.Response();
}

}  // namespace caravan::zones
