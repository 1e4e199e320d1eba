#include "services/logistics/scorecard_message.h"

#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {

namespace {

constexpr int kMostDays = 3660;

absl::CivilDay ToCivilDay(const google::type::Date& date) {
  return absl::CivilDay(date.year(), date.month(), date.day());
}

absl::Status InvalidPeriod(std::string field, std::string problem) {
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_PERIOD",
                    absl::StrCat(field, " ", problem))
      .Field(field, problem);
}

// A date that names a day.
absl::Status CheckDay(const google::type::Date& date, std::string field) {
  if (const auto problem = api::DateProblem(date)) return InvalidPeriod(field, *problem);
  if (date.month() == 0 || date.day() == 0) {
    return InvalidPeriod(field, absl::StrCat("is ", api::FormatDate(date),
                                             ", which is no day; give year, month and day"));
  }
  return absl::OkStatus();
}

std::string SixDigits(double value) { return absl::StrFormat("%.6f", value); }

}  // namespace

google::type::Date ToDate(absl::CivilDay day) {
  google::type::Date date;
  date.set_year(static_cast<int32_t>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
  return date;
}

absl::StatusOr<Days> ReadDays(const google::type::Date& begin, const google::type::Date& end,
                              v1::Granularity granularity) {
  if (absl::Status s = CheckDay(begin, "begin_date"); !s.ok()) return s;
  if (api::IsUnset(end)) {
    return PeriodAt(ToCivilDay(begin), granularity == v1::GRANULARITY_UNSPECIFIED
                                           ? Granularity::kMonth
                                           : FromMessage(granularity));
  }
  if (absl::Status s = CheckDay(end, "end_date"); !s.ok()) return s;
  const Days days = {ToCivilDay(begin), ToCivilDay(end)};
  if (days.end <= days.begin) {
    return InvalidPeriod(
        "end_date", absl::StrCat("is ", api::FormatDate(end), ", which is not behind begin_date (",
                                 api::FormatDate(begin), "); it is the day behind the last"));
  }
  if (days.end - days.begin > kMostDays) {
    return InvalidPeriod("end_date",
                         absl::StrCat("is ", days.end - days.begin, " days behind begin_date; ",
                                      kMostDays, " can be asked for at once"));
  }
  return days;
}

Days PeriodAt(absl::CivilDay day, Granularity granularity) {
  const absl::CivilDay begin = PeriodOf(day, granularity);
  switch (granularity) {
    case Granularity::kDay:
      return {begin, begin + 1};
    case Granularity::kWeek:
      return {begin, begin + 7};
    case Granularity::kMonth:
      return {begin, absl::CivilDay(absl::CivilMonth(begin) + 1)};
  }
  return {begin, begin + 1};
}

std::string DecimalOf(const Ratio& ratio) {
  // Of whole numbers, so that it is the same everywhere.
  const absl::int128 scaled = absl::int128(ratio.numerator) * 2'000'000 + ratio.denominator;
  const auto millionths = static_cast<int64_t>(scaled / (absl::int128(ratio.denominator) * 2));
  return absl::StrFormat("%d.%06d", millionths / 1'000'000, millionths % 1'000'000);
}

v1::RateValue ToMessage(Rate rate, const Ratio& ratio) {
  v1::RateValue value;
  value.set_rate(static_cast<v1::Rate>(static_cast<int>(rate) + 1));
  value.set_numerator(ratio.numerator);
  value.set_denominator(ratio.denominator);
  if (ratio.denominator > 0) value.set_value(DecimalOf(ratio));
  return value;
}

v1::Scorecard ToMessage(const Scorecard& scorecard) {
  v1::Scorecard message;
  message.set_handed_over(scorecard.at(Measure::kHandedOver));
  message.set_lost(scorecard.at(Measure::kLost));
  message.set_unknown(scorecard.at(Measure::kUnknown));
  message.set_damaged(scorecard.at(Measure::kDamaged));
  message.set_returned(scorecard.at(Measure::kReturned));
  message.set_scans_expected(scorecard.at(Measure::kScansExpected));
  message.set_scans_missing(scorecard.at(Measure::kScansMissing));
  message.set_out_of_sequence(scorecard.at(Measure::kOutOfSequence));
  message.set_negative_intervals(scorecard.at(Measure::kNegativeIntervals));
  message.set_before_parcel(scorecard.at(Measure::kBeforeParcel));
  message.set_after_delivery(scorecard.at(Measure::kAfterDelivery));
  message.set_future_dated(scorecard.at(Measure::kFutureDated));
  message.set_unknown_codes(scorecard.at(Measure::kUnknownCodes));
  message.set_due(scorecard.at(Measure::kDue));
  message.set_on_time(scorecard.at(Measure::kOnTime));
  message.set_refused(scorecard.at(Measure::kRefused));
  message.set_attempted(scorecard.at(Measure::kAttempted));
  message.set_first_attempt(scorecard.at(Measure::kFirstAttempt));
  message.set_delivered(scorecard.at(Measure::kDelivered));
  message.set_information(scorecard.at(Measure::kInformation));
  message.set_information_on_time(scorecard.at(Measure::kInformationOnTime));
  for (int i = 0; i < kRates; ++i) {
    const Rate rate = static_cast<Rate>(i);
    const Ratio ratio = RateOf(scorecard, rate);
    if (ratio.denominator > 0) *message.add_rates() = ToMessage(rate, ratio);
  }
  for (int i = 0; i < kLegs; ++i) {
    const Sketch& sketch = scorecard.at(static_cast<Leg>(i));
    if (sketch.empty()) continue;
    v1::LegTimes& times = *message.add_legs();
    times.set_leg(static_cast<v1::Leg>(i + 1));
    times.set_count(sketch.count());
    const auto [p50, p90, p95, p99] = sketch.Percentiles<4>({50, 90, 95, 99});
    times.set_p50_seconds(p50);
    times.set_p90_seconds(p90);
    times.set_p95_seconds(p95);
    times.set_p99_seconds(p99);
  }
  return message;
}

v1::CompareCouriersResponse ToMessage(const Comparison& comparison, Rate rate) {
  v1::CompareCouriersResponse message;
  for (const Comparison::Row& row : comparison.rows) {
    v1::CompareCouriersResponse::Row& made = *message.add_rows();
    made.set_courier(row.courier);
    *made.mutable_rate() = ToMessage(rate, row.ratio);
    made.set_low(SixDigits(row.interval.low));
    made.set_high(SixDigits(row.interval.high));
    for (const size_t other : row.alike) made.add_alike(comparison.rows[other].courier);
  }
  message.set_cannot_tell_apart(comparison.cannot_tell_apart);
  if (comparison.rows.empty()) {
    message.set_summary("No courier had parcels on this lane in this period.");
  } else if (comparison.rows.size() == 1) {
    message.set_summary(
        absl::StrCat("Only ", comparison.rows[0].courier, " had parcels on this lane."));
  } else if (comparison.cannot_tell_apart) {
    message.set_summary("The data cannot tell the couriers of this lane apart.");
  } else if (comparison.rows[0].alike.empty()) {
    message.set_summary(absl::StrCat(comparison.rows[0].courier,
                                     " is the best of this lane, and the data tell it apart from "
                                     "all others."));
  } else {
    message.set_summary(absl::StrCat(comparison.rows[0].courier,
                                     " has the best share, but the data cannot tell it apart from ",
                                     absl::StrJoin(message.rows(0).alike(), ", "), "."));
  }
  return message;
}

Dimension FromMessage(v1::Dimension dimension) {
  return static_cast<Dimension>(static_cast<int>(dimension) - 1);
}

Granularity FromMessage(v1::Granularity granularity) {
  return static_cast<Granularity>(static_cast<int>(granularity) - 1);
}

Rate FromMessage(v1::Rate rate) { return static_cast<Rate>(static_cast<int>(rate) - 1); }

}  // namespace caravan::logistics
