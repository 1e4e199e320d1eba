// Exchange meetings: what must be true of one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "caravan/zones/v1/exchange_meetings.pb.h"

namespace caravan::zones {

// Checks a meeting as it will be stored, beyond what its contract declares: its
// days follow each other and fit the state. INVALID_ARGUMENT names fields
// relative to the meeting.
absl::Status CheckExchangeMeeting(const v1::ExchangeMeeting& meeting);

// Checks a step of a meeting on a day (yyyymmdd). FAILED_PRECONDITION with
// reason MEETING_HAS_NO_AGENDA where one without is announced, MEETING_NOT_BEGUN
// where it is said to be held before its first day.
absl::Status CheckMeetingStep(const v1::ExchangeMeeting& meeting, int64_t day);

// Checks that a meeting and its action items may be changed: FAILED_PRECONDITION
// with reason MEETING_CLOSED where it is CLOSED.
absl::Status CheckMeetingOpen(const v1::ExchangeMeeting& meeting);

// FAILED_PRECONDITION with reason ACTION_ITEMS_OPEN: a meeting cannot be closed,
// for some of its action items (the first, or all of them) are not done.
absl::Status ActionItemsOpen(const v1::ExchangeMeeting& meeting,
                             const std::vector<std::string>& items);

}  // namespace caravan::zones
