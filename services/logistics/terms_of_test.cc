#include "services/logistics/terms_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "google/protobuf/text_format.h"
#include "services/logistics/register_rules.h"
#include "services/logistics/tracking_code.h"

namespace caravan::logistics {
namespace {

template <class T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

constexpr char kAgreed[] =
    "lanes: 'lanes/a' lanes: 'lanes/b' "
    "standards { lane: 'lanes/a' start: ARRIVAL duration: 4 unit: WORKING_DAYS "
    "  deadline_kind: LOCAL_DATE calendar: 'workingCalendars/c' expected_scans: DEPARTURE "
    "  expected_scans: OUT_FOR_DELIVERY information_limit_hours: 6 } "
    "standards { start: HAND_OVER duration: 240 unit: HOURS deadline_kind: INSTANT } ";

class TermsOfTest : public ::testing::Test {
 protected:
  // Of a parcel that was announced on 2024-07-03 in Rome, when it was the day before in UTC.
  Terms Of(const v1::Partnership& partnership, const std::string& lane,
           const std::string& postal_code = "") const {
    v1::Lane of;
    of.set_name(lane);
    of.set_time_zone("Europe/Rome");
    const absl::Time announced =
        absl::FromCivil(absl::CivilSecond(2024, 7, 2, 23), absl::UTCTimeZone());
    return TermsOf(partnership, of, postal_code, announced, [&](std::string_view name) {
      return name == "workingCalendars/c" ? calendar_ : nullptr;
    });
  }
  static v1::Partnership Agreed(const std::string& more = "") {
    return Parse<v1::Partnership>(kAgreed + more);
  }
  bool IsCommitted(const std::string& exclusion, const std::string& postal_code = "") const {
    return Of(Agreed("exclusions { " + exclusion + " }"), "lanes/a", postal_code)
        .commitment.has_value();
  }

  const std::shared_ptr<const WorkingCalendar> calendar_ = std::make_shared<WorkingCalendar>(
      CalendarOf(Parse<v1::WorkingCalendar>("weekdays: MONDAY weekdays: SUNDAY "
                                            "holidays { year: 2024 month: 7 day: 1 } "
                                            "extra_days { year: 2024 month: 7 day: 2 }"))
          .value());
};

TEST_F(TermsOfTest, ALaneHasItsOwnStandardOrThatOfAllOthers) {
  const Terms own = Of(Agreed(), "lanes/a");
  ASSERT_TRUE(own.commitment.has_value());
  EXPECT_EQ(own.commitment->start, Milestone::kArrival);
  EXPECT_EQ(own.commitment->duration, 4);
  EXPECT_EQ(own.commitment->unit, DurationUnit::kWorkingDays);
  EXPECT_EQ(own.commitment->kind, DeadlineKind::kLocalDate);
  EXPECT_EQ(own.commitment->calendar, calendar_);
  EXPECT_EQ(own.expected_scans, 1 << static_cast<int>(Milestone::kDeparture) |
                                    1 << static_cast<int>(Milestone::kOutForDelivery));
  EXPECT_EQ(own.information_limit, absl::Hours(6));
  EXPECT_EQ(own.zone.name(), "Europe/Rome");

  const Terms others = Of(Agreed(), "lanes/b");
  ASSERT_TRUE(others.commitment.has_value());
  EXPECT_EQ(others.commitment->start, Milestone::kHandOver);
  EXPECT_EQ(others.commitment->unit, DurationUnit::kHours);
  EXPECT_EQ(others.commitment->kind, DeadlineKind::kInstant);
  EXPECT_EQ(others.expected_scans, 0);
  EXPECT_EQ(others.information_limit, absl::Hours(24));

  EXPECT_FALSE(Of(v1::Partnership(), "lanes/a").commitment.has_value());
}

TEST_F(TermsOfTest, WithoutItsCalendarNothingIsCommitted) {
  v1::Partnership partnership = Agreed();
  partnership.mutable_standards(0)->set_calendar("workingCalendars/gone");
  const Terms terms = Of(partnership, "lanes/a");
  EXPECT_FALSE(terms.commitment.has_value());
  EXPECT_NE(terms.expected_scans, 0);
}

TEST_F(TermsOfTest, ExclusionsApplyWhereAllThatIsSetDoes) {
  EXPECT_FALSE(IsCommitted("lanes: 'lanes/a'"));
  EXPECT_TRUE(IsCommitted("lanes: 'lanes/b'"));
  EXPECT_FALSE(IsCommitted("postal_areas: '910' postal_areas: 'AB1'", "ab12"));
  EXPECT_TRUE(IsCommitted("postal_areas: '910'", "0910"));
  EXPECT_TRUE(IsCommitted("postal_areas: '910'"));
  EXPECT_TRUE(IsCommitted("lanes: 'lanes/b' postal_areas: '910'", "91010"));
  // Days are those of the destination; the last is not meant.
  EXPECT_FALSE(
      IsCommitted("start_date { year: 2024 month: 7 day: 3 } "
                  "end_date { year: 2024 month: 7 day: 4 }"));
  EXPECT_TRUE(IsCommitted("end_date { year: 2024 month: 7 day: 3 }"));
  EXPECT_TRUE(IsCommitted("start_date { year: 2024 month: 7 day: 4 }"));
}

TEST_F(TermsOfTest, ACalendar) {
  EXPECT_TRUE(calendar_->IsWorking(absl::CivilDay(2024, 7, 8)));   // a Monday
  EXPECT_FALSE(calendar_->IsWorking(absl::CivilDay(2024, 7, 1)));  // a Monday
  EXPECT_TRUE(calendar_->IsWorking(absl::CivilDay(2024, 7, 2)));   // a Tuesday
  EXPECT_FALSE(calendar_->IsWorking(absl::CivilDay(2024, 7, 9)));  // a Tuesday
  EXPECT_TRUE(calendar_->IsWorking(absl::CivilDay(2024, 7, 7)));   // a Sunday
}

TEST_F(TermsOfTest, TargetsAndTheScaleOfPayment) {
  const auto partnership = Parse<v1::Partnership>(
      "targets { rate: LOSS bound: '0.005' } "
      "targets { leg: LAST_MILE percent: 90 limit_seconds: 345600 } "
      "payment_scale { rate: FIRST_ATTEMPT base_factor: '0.95' tiers { from: '0.98' "
      "factor: '1.03' } }");
  const std::vector<Target> targets = TargetsOf(partnership);
  ASSERT_EQ(targets.size(), 2);
  const auto& rate = std::get<RateTarget>(targets[0]);
  EXPECT_EQ(rate.rate, Rate::kLoss);
  EXPECT_EQ(rate.bound, 5000);
  const auto& leg = std::get<LegTarget>(targets[1]);
  EXPECT_EQ(leg.leg, Leg::kLastMile);
  EXPECT_EQ(leg.percent, 90);
  EXPECT_EQ(leg.seconds, 345'600);
  const auto scale = ScaleOf(partnership);
  ASSERT_TRUE(scale.has_value());
  EXPECT_EQ(scale->rate, Rate::kFirstAttempt);
  EXPECT_EQ(scale->base, 950'000);
  ASSERT_EQ(scale->tiers.size(), 1);
  EXPECT_EQ(scale->tiers[0].from, 980'000);
  EXPECT_EQ(scale->tiers[0].factor, 1'030'000);
  EXPECT_FALSE(ScaleOf(v1::Partnership()).has_value());
}

TEST(VocabularyTest, StatusesAndReasonsAreThoseOfTheDomain) {
  v1::TrackingVocabulary vocabulary;
  vocabulary.set_name("trackingVocabularies/v");
  for (int i = 0; i < kTrackingStatuses; ++i) {
    auto& code = *vocabulary.add_codes();
    const std::string name(NameOf(static_cast<TrackingStatus>(i)));
    v1::TrackingStatus status;
    ASSERT_TRUE(v1::TrackingStatus_Parse(name, &status)) << name;
    code.set_code(name);
    code.set_status(status);
  }
  for (int i = 1; i < kTrackingReasons; ++i) {
    auto& code = *vocabulary.add_codes();
    const std::string name(NameOf(static_cast<TrackingReason>(i)));
    v1::TrackingReason reason;
    ASSERT_TRUE(v1::TrackingReason_Parse(name, &reason)) << name;
    code.set_code("because " + name);
    code.set_status(v1::EXCEPTION);
    code.set_reason(reason);
  }
  TrackingCodes codes;
  AddCodes(vocabulary, codes);
  for (const auto& code : vocabulary.codes()) {
    const TrackingMeaning meaning = codes.Find("trackingVocabularies/v", code.code());
    EXPECT_TRUE(meaning.known);
    EXPECT_EQ(NameOf(meaning.status), v1::TrackingStatus_Name(code.status()));
    if (code.reason() != v1::TRACKING_REASON_UNSPECIFIED) {
      EXPECT_EQ(NameOf(meaning.reason), v1::TrackingReason_Name(code.reason()));
    }
  }
}

}  // namespace
}  // namespace caravan::logistics
