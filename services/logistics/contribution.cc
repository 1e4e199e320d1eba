#include "services/logistics/contribution.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/local_day.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

using Entry = Contribution::Entry;

constexpr absl::CivilDay kFirstDay(1970, 1, 1);
constexpr int kItems = kLegs + kMeasures;

auto Key(const Entry& entry) { return std::tie(entry.day, entry.item, entry.bucket); }

int16_t ItemOf(Measure measure) { return static_cast<int16_t>(kLegs + static_cast<int>(measure)); }

absl::Status Malformed() {
  return api::Error(absl::StatusCode::kDataLoss, "CONTRIBUTION_MALFORMED",
                    "a stored contribution is damaged; scorecards are computed anew");
}

}  // namespace

Contribution Contribution::Of(const Course& course, absl::TimeZone zone) {
  Contribution contribution;
  auto& entries = contribution.entries_;
  const auto add = [&](int32_t day, Measure measure, int64_t amount) {
    if (amount != 0) entries.push_back({day, ItemOf(measure), 0, amount});
  };
  if (const auto& cohort = course.handed_over ? course.handed_over : course.first_event) {
    const int32_t day = LocalDayOf(*cohort, zone);
    if (course.handed_over) {
      add(day, Measure::kHandedOver, 1);
      add(day, Measure::kLost, course.state == ParcelState::kLost);
      add(day, Measure::kUnknown, course.state == ParcelState::kUnknown);
      add(day, Measure::kDamaged, course.damaged);
      add(day, Measure::kReturned,
          course.state == ParcelState::kReturning || course.state == ParcelState::kReturned);
    }
    add(day, Measure::kScansExpected, course.scans_expected);
    add(day, Measure::kScansMissing, course.scans_missing);
    add(day, Measure::kOutOfSequence, course.out_of_sequence);
    add(day, Measure::kNegativeIntervals, course.negative_intervals);
    add(day, Measure::kBeforeParcel, course.before_parcel);
    add(day, Measure::kAfterDelivery, course.after_delivery);
    add(day, Measure::kFutureDated, course.future_dated);
    add(day, Measure::kUnknownCodes, course.unknown_codes);
  }
  if (course.due) {
    const int32_t day = LocalDayOf(*course.deadline, zone);
    add(day, Measure::kDue, 1);
    add(day, Measure::kOnTime, course.on_time);
  } else if (course.refused_due) {
    add(LocalDayOf(*course.deadline, zone), Measure::kRefused, 1);
  }
  if (course.first_attempt) {
    const int32_t day = LocalDayOf(*course.first_attempt, zone);
    add(day, Measure::kAttempted, 1);
    add(day, Measure::kFirstAttempt, course.failures == 0);
  }
  if (const auto& delivery = course.at(Milestone::kDelivery)) {
    add(LocalDayOf(*delivery, zone), Measure::kDelivered, 1);
  }
  // How a leg ends.
  static constexpr std::array<Milestone, kLegs> kEnds = {Milestone::kArrival, Milestone::kHub,
                                                         Milestone::kDelivery};
  for (int leg = 0; leg < kLegs; ++leg) {
    if (const auto& seconds = course.seconds(static_cast<Leg>(leg))) {
      const auto& end = course.at(kEnds[static_cast<size_t>(leg)]);
      entries.push_back({LocalDayOf(*end, zone), static_cast<int16_t>(leg),
                         static_cast<int16_t>(Sketch::BucketOf(*seconds)), 1});
    }
  }
  // Events come in the order of time: those of a day one behind the other.
  int32_t day = 0;
  int all = 0;
  int on_time = 0;
  const auto add_day = [&] {
    add(day, Measure::kInformation, all);
    add(day, Measure::kInformationOnTime, on_time);
  };
  for (const Course::Information& information : course.information) {
    const int32_t next = LocalDayOf(information.time, zone);
    if (next != day) {
      add_day();
      day = next;
      all = on_time = 0;
    }
    ++all;
    on_time += information.on_time;
  }
  add_day();
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return Key(a) < Key(b); });
  // Where clocks are set back over midnight, a day comes twice.
  size_t last = 0;
  for (size_t i = 1; i < entries.size(); ++i) {
    if (Key(entries[i]) == Key(entries[last])) {
      entries[last].amount += entries[i].amount;
    } else {
      entries[++last] = entries[i];
    }
  }
  if (!entries.empty()) entries.resize(last + 1);
  return contribution;
}

Contribution Contribution::Change(const Contribution& before, const Contribution& after) {
  Contribution change;
  const auto* old = before.entries_.begin();
  const auto* now = after.entries_.begin();
  while (old != before.entries_.end() || now != after.entries_.end()) {
    if (now == after.entries_.end() || (old != before.entries_.end() && Key(*old) < Key(*now))) {
      change.entries_.push_back(*old++);
      change.entries_.back().amount *= -1;
    } else if (old == before.entries_.end() || Key(*now) < Key(*old)) {
      change.entries_.push_back(*now++);
    } else {
      if (old->amount != now->amount) {
        change.entries_.push_back(*now);
        change.entries_.back().amount -= old->amount;
      }
      ++old;
      ++now;
    }
  }
  return change;
}

// For each day how many come behind the one before (from 1970), and its entries,
// behind their number: an item, and whether the amount is 1, in one number; for a
// leg the bucket; and the amount where it is not 1.
std::string Contribution::Serialize() const {
  std::string bytes;
  int32_t last = 0;
  for (const Entry* entry = entries_.begin(); entry != entries_.end();) {
    const Entry* end = std::find_if(entry, entries_.end(),
                                    [&](const Entry& other) { return other.day != entry->day; });
    AppendSigned(entry->day - last, &bytes);
    last = entry->day;
    AppendVarint(static_cast<uint64_t>(end - entry), &bytes);
    for (; entry != end; ++entry) {
      AppendVarint(static_cast<uint64_t>(entry->item) << 1 | (entry->amount == 1 ? 1 : 0), &bytes);
      if (entry->item < kLegs) AppendVarint(static_cast<uint64_t>(entry->bucket), &bytes);
      if (entry->amount != 1) AppendSigned(entry->amount, &bytes);
    }
  }
  return bytes;
}

absl::StatusOr<Contribution> Contribution::Parse(std::string_view bytes) {
  Contribution contribution;
  auto& entries = contribution.entries_;
  int64_t day = 0;
  while (!bytes.empty()) {
    const std::optional<int64_t> gap = ReadSigned(&bytes);
    const std::optional<uint64_t> size = gap ? ReadVarint(&bytes) : std::nullopt;
    // Enough for the years that a time has.
    constexpr int64_t kMaxDay = 100'000'000;
    if (!size || *size == 0 || *gap > kMaxDay || *gap < -kMaxDay) return Malformed();
    day += *gap;
    if (day > kMaxDay || day < -kMaxDay) return Malformed();
    for (uint64_t i = 0; i < *size; ++i) {
      const std::optional<uint64_t> head = ReadVarint(&bytes);
      if (!head || *head >> 1 >= kItems) return Malformed();
      Entry entry{static_cast<int32_t>(day), static_cast<int16_t>(*head >> 1), 0, 1};
      if (entry.item < kLegs) {
        const std::optional<uint64_t> bucket = ReadVarint(&bytes);
        if (!bucket || *bucket >= static_cast<uint64_t>(Sketch::Buckets())) return Malformed();
        entry.bucket = static_cast<int16_t>(*bucket);
      }
      if ((*head & 1) == 0) {
        const std::optional<int64_t> amount = ReadSigned(&bytes);
        if (!amount || *amount == 0 || *amount == 1) return Malformed();
        entry.amount = *amount;
      }
      if (!entries.empty() && Key(entry) <= Key(entries.back())) return Malformed();
      entries.push_back(entry);
    }
  }
  return contribution;
}

std::string_view NameOf(Dimension dimension) {
  static constexpr std::array<std::string_view, kDimensions> kNames = {
      "PARTNERSHIP", "COURIER",  "LINE_HAUL_COMPANY", "LANE", "DESTINATION", "ORIGIN_ZONE",
      "SELLER",      "PLATFORM", "LANE_AND_COURIER"};
  return kNames[static_cast<size_t>(dimension)];
}

void Dimensions::Set(Dimension dimension, std::string value) {
  values_[static_cast<size_t>(dimension)] = std::move(value);
  if (dimension != Dimension::kLane && dimension != Dimension::kCourier) return;
  const std::string& lane = at(Dimension::kLane);
  const std::string& courier = at(Dimension::kCourier);
  values_[static_cast<size_t>(Dimension::kLaneAndCourier)] =
      lane.empty() || courier.empty() ? "" : absl::StrCat(lane, " ", courier);
}

absl::CivilDay PeriodOf(absl::CivilDay day, Granularity granularity) {
  switch (granularity) {
    case Granularity::kDay:
      return day;
    case Granularity::kWeek:
      return absl::PrevWeekday(day + 1, absl::Weekday::monday);
    case Granularity::kMonth:
      return absl::CivilDay(absl::CivilMonth(day));
  }
  return day;
}

void ScorecardChanges::Add(const Dimensions& dimensions, const Contribution& change) {
  if (change.empty()) return;
  for (int d = 0; d < kDimensions; ++d) {
    const std::string& value = dimensions.at(static_cast<Dimension>(d));
    if (value.empty()) continue;
    Days& days = values_[static_cast<size_t>(d)][value];
    Scorecard* scorecard = nullptr;
    int32_t day = 0;
    for (const Entry& entry : change.entries()) {
      if (scorecard == nullptr || entry.day != day) {
        day = entry.day;
        scorecard = &days[day];
      }
      if (entry.item < kLegs) {
        scorecard->legs[static_cast<size_t>(entry.item)].AddToBucket(entry.bucket, entry.amount);
      } else {
        scorecard->counts[static_cast<size_t>(entry.item - kLegs)] += entry.amount;
      }
    }
  }
}

namespace {

// Pointers to the entries of a map, by key.
template <class Map>
auto SortedValues(Map& map) {
  std::vector<decltype(&*map.begin())> sorted;
  sorted.reserve(map.size());
  for (auto& entry : map) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return sorted;
}

}  // namespace

std::vector<ScorecardChanges::Row> ScorecardChanges::Rows(
    absl::Span<const Granularity> granularities) const {
  std::vector<Row> rows;
  for (int d = 0; d < kDimensions; ++d) {
    for (const auto* value : SortedValues(values_[static_cast<size_t>(d)])) {
      for (const Granularity granularity : granularities) {
        std::optional<Row> row;
        const auto finish = [&] {
          if (row && !row->change.empty()) rows.push_back(*std::move(row));
        };
        for (const auto& [day, scorecard] : value->second) {
          const absl::CivilDay begin = PeriodOf(kFirstDay + day, granularity);
          if (!row || row->begin != begin) {
            finish();
            row = Row{static_cast<Dimension>(d), value->first, granularity, begin, {}};
          }
          row->change.Merge(scorecard);
        }
        finish();
      }
    }
  }
  return rows;
}

std::vector<ScorecardChanges::Row> ScorecardChanges::TakeDays() {
  std::vector<Row> rows;
  for (int d = 0; d < kDimensions; ++d) {
    auto& values = values_[static_cast<size_t>(d)];
    for (auto* value : SortedValues(values)) {
      for (auto& [day, scorecard] : value->second) {
        if (scorecard.empty()) continue;
        rows.push_back({static_cast<Dimension>(d), value->first, Granularity::kDay, kFirstDay + day,
                        std::move(scorecard)});
      }
    }
    values.clear();
  }
  return rows;
}

bool ScorecardChanges::empty() const {
  return std::all_of(values_.begin(), values_.end(), [](const auto& map) { return map.empty(); });
}

}  // namespace caravan::logistics
