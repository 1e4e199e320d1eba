#include "services/zones/action_item.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/period.h"

namespace caravan::zones {

using v1::ActionItem;

namespace {

// Greatest ages of the bands, in days; the last band has none.
constexpr int32_t kBands[] = {30, 90, 180, 0};

}  // namespace

absl::Status CheckActionItem(const ActionItem& item, const v1::ExchangeMeeting& meeting,
                             int64_t today) {
  api::Violations violations;
  if (!item.host_zone().empty() && item.host_zone() != meeting.host_zone()) {
    violations.Add("host_zone", absl::StrCat("is ", item.host_zone(), "; ", meeting.name(),
                                             " is hosted by another zone"));
  }
  if (item.has_completion_date() && api::FirstDay(item.completion_date()) > today) {
    violations.Add("completion_date",
                   absl::StrCat(api::FormatDate(item.completion_date()),
                                " is in the future; today is ", api::FormatDay(today)));
  }
  return violations.ToStatus();
}

bool ChangesTask(const ActionItem* before, const ActionItem& after) {
  return before == nullptr || before->title() != after.title() ||
         before->description() != after.description() ||
         before->pilot_zone() != after.pilot_zone() ||
         !google::protobuf::util::MessageDifferencer::Equals(before->due_date(), after.due_date());
}

OverdueCounter::OverdueCounter(int64_t day) : day_(day) {}

void OverdueCounter::Add(const ActionItem& item) {
  const int64_t due = api::FirstDay(item.due_date());
  const bool done = item.has_completion_date() && api::FirstDay(item.completion_date()) <= day_;
  if (done || due >= day_) return;
  const auto age = static_cast<int32_t>(CivilDayOf(day_) - CivilDayOf(due));
  const auto [found, added] = zones_.try_emplace(item.pilot_zone());
  v1::OverdueActionItems& zone = found->second;
  if (added) {
    zone.set_pilot_zone(item.pilot_zone());
    int32_t least = 1;
    for (const int32_t greatest : kBands) {
      auto* band = zone.add_bands();
      band->set_min_age_days(least);
      band->set_max_age_days(greatest);
      least = greatest + 1;
    }
  }
  zone.set_overdue_count(zone.overdue_count() + 1);
  for (auto& band : *zone.mutable_bands()) {
    if (age < band.min_age_days() || (band.max_age_days() > 0 && age > band.max_age_days())) {
      continue;
    }
    band.set_overdue_count(band.overdue_count() + 1);
  }
  if (age > zone.oldest_age_days() ||
      (age == zone.oldest_age_days() && item.name() < zone.oldest_action_item())) {
    zone.set_oldest_action_item(item.name());
    zone.set_oldest_age_days(age);
  }
}

v1::SummarizeOverdueActionItemsResponse OverdueCounter::Response() const {
  v1::SummarizeOverdueActionItemsResponse response;
  *response.mutable_effective_date() = api::DateOfDay(day_);
  int32_t all = 0;
  for (const auto& [name, zone] : zones_) {
    all += zone.overdue_count();
    *response.add_summaries() = zone;
  }
  response.set_overdue_count(all);
  return response;
}

}  // namespace caravan::zones
