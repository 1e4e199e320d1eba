#include "services/zones/exchange_meeting.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using v1::ExchangeMeeting;
using zones::testing::Parse;

ExchangeMeeting In(const std::string& state, const std::string& more = "") {
  return Parse<ExchangeMeeting>(
      "name: 'exchangeMeetings/m' start_date { year: 2026 month: 5 day: 10 } "
      "end_date { year: 2026 month: 5 day: 12 } state: " +
      state + " " + more);
}

auto FailsOn(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
}

TEST(CheckExchangeMeeting, ItsDaysFollowEachOther) {
  EXPECT_THAT(CheckExchangeMeeting(In("PLANNED")), IsOk());
  ExchangeMeeting meeting = In("PLANNED");
  meeting.mutable_end_date()->set_day(9);
  EXPECT_THAT(CheckExchangeMeeting(meeting), FailsOn("end_date"));
  EXPECT_THAT(CheckExchangeMeeting(In("ANNOUNCED")), FailsOn("announcement_date"));
  EXPECT_THAT(
      CheckExchangeMeeting(In("ANNOUNCED", "announcement_date { year: 2026 month: 5 day: 12 }")),
      IsOk());
  EXPECT_THAT(
      CheckExchangeMeeting(In("ANNOUNCED", "announcement_date { year: 2026 month: 5 day: 13 }")),
      FailsOn("announcement_date"));
  EXPECT_THAT(CheckExchangeMeeting(In("CLOSED", "closing_date { year: 2026 month: 5 day: 11 }")),
              FailsOn("closing_date"));
  EXPECT_THAT(CheckExchangeMeeting(In("CLOSED", "closing_date { year: 2026 month: 5 day: 12 }")),
              IsOk());
  EXPECT_THAT(CheckExchangeMeeting(In("HELD", "closing_date { year: 2026 month: 6 }")),
              FailsOn("closing_date"));
}

TEST(CheckMeetingStep, WhatIsAnnouncedHasAnAgenda) {
  EXPECT_THAT(CheckMeetingStep(In("ANNOUNCED"), 20260101),
              Fails(StatusCode::kFailedPrecondition, "MEETING_HAS_NO_AGENDA"));
  EXPECT_THAT(CheckMeetingStep(In("ANNOUNCED", "agenda { title: 'Opening' }"), 20260101), IsOk());
}

TEST(CheckMeetingStep, WhatIsHeldHasBegun) {
  EXPECT_THAT(CheckMeetingStep(In("HELD"), 20260509),
              Fails(StatusCode::kFailedPrecondition, "MEETING_NOT_BEGUN"));
  EXPECT_THAT(CheckMeetingStep(In("HELD"), 20260510), IsOk());
}

TEST(CheckMeetingOpen, WhatIsClosedStaysAsItIs) {
  EXPECT_THAT(CheckMeetingOpen(In("HELD")), IsOk());
  EXPECT_THAT(CheckMeetingOpen(In("CLOSED")),
              Fails(StatusCode::kFailedPrecondition, "MEETING_CLOSED"));
}

TEST(ActionItemsOpen, NamesThem) {
  const absl::Status status = ActionItemsOpen(
      In("HELD"), {"exchangeMeetings/m/actionItems/a", "exchangeMeetings/m/actionItems/b"});
  EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "ACTION_ITEMS_OPEN"));
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("actionItems/a, exchangeMeetings/m/actionItems/b are not done"));
}

}  // namespace
}  // namespace caravan::zones
