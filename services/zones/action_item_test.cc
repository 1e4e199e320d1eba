#include "services/zones/action_item.h"

#include <string>

#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using v1::ActionItem;
using zones::testing::Parse;

ActionItem Item(const std::string& id, const std::string& zone, const std::string& due,
                const std::string& more = "") {
  return Parse<ActionItem>("name: 'exchangeMeetings/m/actionItems/" + id +
                           "' title: 'T' host_zone: 'pilotZones/hangzhou' pilot_zone: "
                           "'pilotZones/" +
                           zone + "' due_date {" + due + "} " + more);
}

TEST(CheckActionItem, HasTheHostOfItsMeeting) {
  const auto meeting =
      Parse<v1::ExchangeMeeting>("name: 'exchangeMeetings/m' host_zone: 'pilotZones/hangzhou'");
  ActionItem item = Item("a", "ningbo", "year: 2026");
  EXPECT_THAT(CheckActionItem(item, meeting, 20260101), IsOk());
  item.set_host_zone("pilotZones/ningbo");
  EXPECT_THAT(CheckActionItem(item, meeting, 20260101),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"host_zone"})));
}

TEST(CheckActionItem, IsNotDoneInTheFuture) {
  const auto meeting =
      Parse<v1::ExchangeMeeting>("name: 'exchangeMeetings/m' host_zone: 'pilotZones/hangzhou'");
  const ActionItem item =
      Item("a", "ningbo", "year: 2026", "completion_date { year: 2026 month: 2 day: 2 }");
  EXPECT_THAT(CheckActionItem(item, meeting, 20260202), IsOk());
  EXPECT_THAT(CheckActionItem(item, meeting, 20260201),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"completion_date"})));
}

TEST(ChangesTask, IsWhatTheHostSets) {
  const ActionItem before = Item("a", "ningbo", "year: 2026");
  EXPECT_TRUE(ChangesTask(nullptr, before));
  ActionItem after = before;
  after.set_progress("half");
  after.set_state(ActionItem::DONE);
  EXPECT_FALSE(ChangesTask(&before, after));
  after.mutable_due_date()->set_month(6);
  EXPECT_TRUE(ChangesTask(&before, after));
  after = before;
  after.set_pilot_zone("pilotZones/yiwu");
  EXPECT_TRUE(ChangesTask(&before, after));
  after = before;
  after.set_title("U");
  EXPECT_TRUE(ChangesTask(&before, after));
  after = before;
  after.set_description("more");
  EXPECT_TRUE(ChangesTask(&before, after));
}

TEST(OverdueCounter, IsOverdueFromTheDayAfterUntilItIsDone) {
  const auto overdue = [](const std::string& due, const std::string& more) {
    OverdueCounter counter(20260310);
    counter.Add(Item("a", "ningbo", due, more));
    return counter.Response().overdue_count();
  };
  EXPECT_EQ(overdue("year: 2026 month: 3 day: 9", ""), 1);
  EXPECT_EQ(overdue("year: 2026 month: 3 day: 10", ""), 0);
  // Done, but only later.
  EXPECT_EQ(overdue("year: 2026", "completion_date { year: 2026 month: 3 day: 11 }"), 1);
  EXPECT_EQ(overdue("year: 2026", "completion_date { year: 2026 month: 3 day: 10 }"), 0);
}

TEST(OverdueCounter, CountsByZoneAndAge) {
  OverdueCounter counter(20260401);
  counter.Add(Item("a1", "ningbo", "year: 2026 month: 3 day: 31"));  // 1 day
  counter.Add(Item("a2", "ningbo", "year: 2026 month: 3 day: 2"));   // 30
  counter.Add(Item("a3", "ningbo", "year: 2026 month: 3 day: 1"));   // 31
  counter.Add(Item("b2", "yiwu", "year: 2025 month: 1"));            // 455
  counter.Add(Item("b1", "yiwu", "year: 2025 month: 1"));
  counter.Add(Item("b3", "yiwu", "year: 2025 month: 10 day: 3"));  // 180
  counter.Add(Item("c", "yiwu", "year: 2026 month: 4"));
  const auto response = counter.Response();
  EXPECT_EQ(response.effective_date().month(), 4);
  EXPECT_EQ(response.overdue_count(), 6);
  ASSERT_EQ(response.summaries_size(), 2);
  const v1::OverdueActionItems& ningbo = response.summaries(0);
  EXPECT_EQ(ningbo.pilot_zone(), "pilotZones/ningbo");
  EXPECT_EQ(ningbo.overdue_count(), 3);
  ASSERT_EQ(ningbo.bands_size(), 4);
  EXPECT_EQ(ningbo.bands(0).min_age_days(), 1);
  EXPECT_EQ(ningbo.bands(0).max_age_days(), 30);
  EXPECT_EQ(ningbo.bands(0).overdue_count(), 2);
  EXPECT_EQ(ningbo.bands(1).overdue_count(), 1);
  EXPECT_EQ(ningbo.oldest_action_item(), "exchangeMeetings/m/actionItems/a3");
  EXPECT_EQ(ningbo.oldest_age_days(), 31);
  const v1::OverdueActionItems& yiwu = response.summaries(1);
  EXPECT_EQ(yiwu.bands(2).overdue_count(), 1);
  EXPECT_EQ(yiwu.bands(3).min_age_days(), 181);
  EXPECT_EQ(yiwu.bands(3).max_age_days(), 0);
  EXPECT_EQ(yiwu.bands(3).overdue_count(), 2);
  EXPECT_EQ(yiwu.oldest_action_item(), "exchangeMeetings/m/actionItems/b1");
  EXPECT_EQ(yiwu.oldest_age_days(), 455);
}

}  // namespace
}  // namespace caravan::zones
