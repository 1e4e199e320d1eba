// A keeper with all that it needs, for tests: registers, a clock, and short ways to say
// what happens.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/logistics/parcel_keeper.h"
#include "services/logistics/testing/made_up_registers.h"

namespace caravan::logistics::testing {

inline absl::Time UtcTime(const std::string& text) {
  absl::Time time;
  std::string error;
  absl::ParseTime("%Y-%m-%dT%H:%M:%E*S%Ez", absl::StrCat(text, "+00:00"), &time, &error);
  return time;
}

inline std::string TextOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

// Time as tests set it.
class HandClock {
 public:
  explicit HandClock(absl::Time now) : micros_(absl::ToUnixMicros(now)) {}
  absl::Time Now() const { return absl::FromUnixMicros(micros_); }
  void Set(absl::Time now) { micros_ = absl::ToUnixMicros(now); }
  void Advance(absl::Duration by) { micros_ += absl::ToInt64Microseconds(by); }

 private:
  std::atomic<int64_t> micros_;
};

inline v1::TrackingEvent Event(const std::string& number, const std::string& code,
                               const std::string& time) {
  v1::TrackingEvent event;
  event.set_tracking_number(number);
  event.set_code(code);
  event.set_event_time(time);
  return event;
}

// Takes a batch in, and waits.
inline absl::StatusOr<ParcelKeeper::Ingested> Ingest(ParcelKeeper& keeper,
                                                     const std::string& carrier,
                                                     const std::vector<v1::TrackingEvent>& events,
                                                     const std::string& source = "",
                                                     int64_t position = 0) {
  google::protobuf::RepeatedPtrField<v1::TrackingEvent> batch(events.begin(), events.end());
  absl::Notification done;
  absl::StatusOr<ParcelKeeper::Ingested> answer;
  keeper.Ingest({carrier, &batch, source, position},
                [&](absl::StatusOr<ParcelKeeper::Ingested> ingested) {
                  answer = std::move(ingested);
                  done.Notify();
                });
  done.WaitForNotification();
  return answer;
}

// A range of all days.
inline ScorecardRange AllDays(Dimension dimension, const std::string& value) {
  return {static_cast<int>(dimension), value, value, INT32_MIN, INT32_MAX};
}

// The sum of a measure over all days.
inline int64_t SumOf(ParcelKeeper& keeper, Dimension dimension, const std::string& value,
                     Measure measure) {
  const auto scorecards = keeper.ReadDays(AllDays(dimension, value));
  if (!scorecards.ok()) return -1;
  int64_t sum = 0;
  for (const auto& day : scorecards->days) sum += day.scorecard.at(measure);
  return sum;
}

}  // namespace caravan::logistics::testing
