#include "services/zones/exchange_meeting.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/milestones.h"

namespace caravan::zones {

using v1::ExchangeMeeting;

absl::Status CheckExchangeMeeting(const ExchangeMeeting& meeting) {
  api::Violations violations;
  const int64_t first = api::FirstDay(meeting.start_date());
  const int64_t last = api::FirstDay(meeting.end_date());
  const bool dated = meeting.has_start_date() && meeting.has_end_date();
  if (dated && last < first) {
    violations.Add("end_date",
                   absl::StrCat(api::FormatDate(meeting.end_date()), " is before the first day, ",
                                api::FormatDate(meeting.start_date())));
  }
  CheckMilestones({{"announcement_date", meeting.announcement_date(), ExchangeMeeting::ANNOUNCED},
                   {"closing_date", meeting.closing_date(), ExchangeMeeting::CLOSED}},
                  meeting.state(), ExchangeMeeting::State_Name(meeting.state()), violations);
  if (dated && meeting.has_announcement_date() &&
      api::FirstDay(meeting.announcement_date()) > last) {
    violations.Add("announcement_date", absl::StrCat(api::FormatDate(meeting.announcement_date()),
                                                     " is after the meeting, whose last day is ",
                                                     api::FormatDate(meeting.end_date())));
  }
  if (dated && meeting.has_closing_date() && api::FirstDay(meeting.closing_date()) < last) {
    violations.Add("closing_date", absl::StrCat(api::FormatDate(meeting.closing_date()),
                                                " is before the last day of the meeting, ",
                                                api::FormatDate(meeting.end_date())));
  }
  return violations.ToStatus();
}

absl::Status CheckMeetingStep(const ExchangeMeeting& meeting, int64_t day) {
  if (meeting.state() == ExchangeMeeting::ANNOUNCED && meeting.agenda().empty()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "MEETING_HAS_NO_AGENDA",
                      absl::StrCat(meeting.name(),
                                   " has no agenda; add what is on it before it is announced"))
        .With("resource", meeting.name())
        .Precondition("AGENDA", meeting.name(), "is empty");
  }
  if (meeting.state() == ExchangeMeeting::HELD && day < api::FirstDay(meeting.start_date())) {
    return api::Error(
               absl::StatusCode::kFailedPrecondition, "MEETING_NOT_BEGUN",
               absl::StrCat(meeting.name(), " begins on ", api::FormatDate(meeting.start_date()),
                            " and cannot have been held by ", api::FormatDay(day)))
        .With("resource", meeting.name())
        .With("start_date", api::FormatDate(meeting.start_date()));
  }
  return absl::OkStatus();
}

absl::Status CheckMeetingOpen(const ExchangeMeeting& meeting) {
  if (meeting.state() != ExchangeMeeting::CLOSED) return absl::OkStatus();
  return api::Error(absl::StatusCode::kFailedPrecondition, "MEETING_CLOSED",
                    absl::StrCat(meeting.name(),
                                 " is CLOSED; neither it nor its action items can be changed"))
      .With("resource", meeting.name())
      .Precondition("STATE", meeting.name(), "is CLOSED");
}

absl::Status ActionItemsOpen(const ExchangeMeeting& meeting,
                             const std::vector<std::string>& items) {
  api::Error error(
      absl::StatusCode::kFailedPrecondition, "ACTION_ITEMS_OPEN",
      absl::StrCat(meeting.name(), " cannot be closed: ", absl::StrJoin(items, ", "),
                   items.size() == 1 ? " is" : " are", " not done; complete what is open first"));
  error.With("resource", meeting.name());
  for (const std::string& item : items) error.Precondition("STATE", item, "is OPEN");
  return error;
}

}  // namespace caravan::zones
