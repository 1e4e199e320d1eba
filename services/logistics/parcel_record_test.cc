#include "services/logistics/parcel_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/number_uses.h"
#include "services/logistics/testing/journeys.h"

namespace caravan::logistics {
namespace {

using testing::JourneyGenerator;

bool Same(const ParcelRecord& a, const ParcelRecord& b) {
  for (int d = 0; d < kDimensions; ++d) {
    const auto dimension = static_cast<Dimension>(d);
    if (a.kept_dimensions.at(dimension) != b.kept_dimensions.at(dimension)) return false;
  }
  return a.numbers == b.numbers && a.seller == b.seller && a.platform == b.platform &&
         a.origin_zone == b.origin_zone && a.partnership == b.partnership && a.lane == b.lane &&
         a.postal_code == b.postal_code && a.announced == b.announced &&
         a.events.events() == b.events.events() && a.kept == b.kept && a.terms == b.terms &&
         a.timer == b.timer && a.merged_into == b.merged_into && a.adopting == b.adopting;
}

absl::Time SomeTime(JourneyGenerator& random) {
  // Mostly of this century, some with microseconds, and the ends of what there is.
  switch (random.Below(20)) {
    case 0:
      return absl::FromUnixMicros(INT64_MAX);
    case 1:
      return absl::FromUnixMicros(INT64_MIN + 1);
    case 2:
      return absl::FromUnixMicros(random.Below(4'000'000'000'000'000));
    default:
      return absl::FromUnixSeconds(random.Below(4'000'000'000));
  }
}

ParcelRecord RandomRecord(JourneyGenerator& random, bool extremes) {
  ParcelRecord record;
  const auto text = [&](const char* prefix) {
    return random.Chance(20) ? "" : absl::StrCat(prefix, random.Below(5));
  };
  for (int64_t i = random.Below(4); i > 0; --i) {
    record.numbers.push_back({text("partners/c"), absl::StrCat("N", random.Below(1000))});
    if (random.Chance(40)) record.numbers.back().begin = SomeTime(random);
  }
  record.seller = text("enterprises/");
  record.platform = text("platforms/");
  record.origin_zone = text("pilotZones/");
  record.partnership = text("partnerships/");
  record.lane = text("lanes/");
  record.postal_code = text("1011");
  if (random.Chance(70)) record.announced = SomeTime(random);
  const testing::Journey journey = random.Next();
  for (testing::Message message : journey.messages) {
    if (extremes && random.Chance(10)) message.event.time = SomeTime(random);
    if (extremes && random.Chance(10)) message.event.receipt = SomeTime(random);
    if (extremes && random.Chance(10)) message.event.correction = INT32_MAX;
    if (extremes && random.Chance(10)) message.event.place = std::string("\0\xff", 2);
    record.events.Add(std::move(message.event));
  }
  if (random.Chance(80)) {
    record.kept = Contribution::Of(TrackCourse(record.events, journey.terms, SomeTime(random)),
                                   journey.terms.zone)
                      .Serialize();
    if (!record.kept.empty()) record.kept_dimensions = journey.dimensions;
  }
  record.terms = random.random()();
  if (random.Chance(50)) record.timer = SomeTime(random);
  if (random.Chance(20)) record.merged_into = "p1";
  while (random.Chance(20)) record.adopting.push_back(absl::StrCat("p", random.Below(9)));
  return record;
}

TEST(ParcelRecordTest, ComesBackAsItWas) {
  JourneyGenerator random(1, 20);
  for (int i = 0; i < 2000; ++i) {
    const ParcelRecord record = RandomRecord(random, i % 2 == 1);
    const auto read = ParcelRecord::Parse(record.Serialize());
    ASSERT_TRUE(read.ok()) << read.status() << " in round " << i;
    ASSERT_TRUE(Same(*read, record)) << "in round " << i;
    ASSERT_EQ(read->Serialize(), record.Serialize());
  }
}

TEST(ParcelRecordTest, ManyStringsComeBack) {
  ParcelRecord record;
  for (int i = 0; i < 1000; ++i) {
    TrackingEvent event;
    event.carrier = "partners/c";
    event.code = absl::StrCat("code ", i % 700);
    event.place = absl::StrCat("place ", i % 300);
    event.time = event.receipt = absl::FromUnixSeconds(i);
    ASSERT_EQ(record.events.Add(event), EventSet::Outcome::kAdded);
  }
  const auto read = ParcelRecord::Parse(record.Serialize());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(Same(*read, record));
}

// A sober journey, with ids of its events.
TEST(ParcelRecordTest, TakesFewBytes) {
  JourneyGenerator random(7, 0);
  size_t bytes = 0, events = 0;
  for (int i = 0; i < 200; ++i) {
    ParcelRecord empty = RandomRecord(random, false);
    ParcelRecord full = empty;
    empty.events = {};
    bytes += full.Serialize().size() - empty.Serialize().size();
    events += full.events.events().size();
  }
  EXPECT_LT(bytes, 22 * events);
}

// What is damaged is refused or is another record, and is never more than that.
TEST(ParcelRecordTest, DamagedBytesAreRefused) {
  JourneyGenerator random(3, 20);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = RandomRecord(random, true).Serialize();
    ASSERT_FALSE(ParcelRecord::Parse(bytes + "x").ok());
    ASSERT_FALSE(ParcelRecord::Parse(std::string_view(bytes).substr(0, bytes.size() - 1)).ok());
    for (int64_t n = 1 + random.Below(4); n > 0; --n) {
      const auto at = static_cast<size_t>(random.Below(static_cast<int64_t>(bytes.size())));
      bytes[at] = static_cast<char>(random.Below(256));
    }
    if (random.Chance(30)) {
      bytes.resize(static_cast<size_t>(random.Below(static_cast<int64_t>(bytes.size()))));
    }
    const auto read = ParcelRecord::Parse(bytes);
    if (read.ok()) {
      ASSERT_TRUE(ParcelRecord::Parse(read->Serialize()).ok());
      continue;
    }
    ++refused;
    ASSERT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
    ASSERT_EQ(api::ReasonOf(read.status()), "PARCEL_MALFORMED");
  }
  EXPECT_GT(refused, 1000);
  EXPECT_EQ(api::ReasonOf(ParcelRecord::Parse("").status()), "PARCEL_MALFORMED");
}

absl::Time Day(int64_t day) { return absl::FromUnixSeconds(day * 86400); }

NumberUses::Use UseOf(std::string parcel, int64_t first, int64_t last) {
  return {std::move(parcel), absl::InfinitePast(), Day(first), Day(last)};
}

std::string TextOf(const NumberUses& uses, absl::Time time) {
  using Kind = NumberUses::Meaning::Kind;
  const NumberUses::Meaning meaning = uses.Find(time);
  if (meaning.kind == Kind::kNone) return "none";
  return absl::StrCat(meaning.kind == Kind::kUncertain ? "uncertain " : "",
                      uses[meaning.use].parcel);
}

TEST(NumberUsesTest, FindsByTheRuleOfTwelveMonths) {
  NumberUses uses;
  EXPECT_EQ(TextOf(uses, Day(0)), "none");
  uses.Add(UseOf("b", 2000, 2020));
  uses.Add(UseOf("a", 1000, 1010));
  EXPECT_EQ(TextOf(uses, Day(634)), "none");
  EXPECT_EQ(TextOf(uses, Day(635)), "a");
  EXPECT_EQ(TextOf(uses, Day(1000)), "a");
  EXPECT_EQ(TextOf(uses, Day(1375)), "a");
  EXPECT_EQ(TextOf(uses, Day(1375) + absl::Microseconds(1)), "none");
  EXPECT_EQ(TextOf(uses, Day(1634)), "none");
  EXPECT_EQ(TextOf(uses, Day(1635)), "b");
  EXPECT_EQ(TextOf(uses, Day(2385)), "b");
  EXPECT_EQ(TextOf(uses, Day(2386)), "none");
}

TEST(NumberUsesTest, ABeginIsWhereAUseBegins) {
  NumberUses uses;
  uses.Add(UseOf("a", 1000, 1100));
  uses.Add({"b", Day(1050), Day(1050), Day(1050)});
  EXPECT_EQ(TextOf(uses, Day(1049)), "a");
  EXPECT_EQ(TextOf(uses, Day(1050)), "b");
  uses.SetBegin(0, Day(1060));
  EXPECT_EQ(uses[0].parcel, "b");
  EXPECT_EQ(TextOf(uses, Day(1055)), "b");
  EXPECT_EQ(TextOf(uses, Day(1060)), "a");
}

TEST(NumberUsesTest, IsUncertainNearABoundUntilTheSpanIsKnown) {
  NumberUses uses;
  uses.Add(UseOf("a", 1000, 1010));
  const auto stored = NumberUses::Parse(uses.Serialize());
  ASSERT_TRUE(stored.ok());
  NumberUses read = *stored;
  EXPECT_EQ(TextOf(read, Day(1375)), "a");
  EXPECT_EQ(TextOf(read, Day(1376)), "uncertain a");
  EXPECT_EQ(TextOf(read, Day(1403)), "uncertain a");
  EXPECT_EQ(TextOf(read, Day(1404)), "none");
  EXPECT_EQ(TextOf(read, Day(634)), "uncertain a");
  EXPECT_EQ(TextOf(read, Day(606)), "none");
  read.SetSpan(0, Day(995), Day(1020));
  EXPECT_EQ(TextOf(read, Day(1385)), "a");
  EXPECT_EQ(TextOf(read, Day(1386)), "none");
  EXPECT_EQ(TextOf(read, Day(630)), "a");
  EXPECT_EQ(TextOf(read, Day(629)), "none");
}

TEST(NumberUsesTest, SaysWhenTheSpanIsToBeStored) {
  NumberUses uses;
  uses.Add(UseOf("a", 1000, 1000));
  EXPECT_FALSE(uses.Widen(0, Day(1028)));
  EXPECT_FALSE(uses.Widen(0, Day(972)));
  EXPECT_TRUE(uses.Widen(0, Day(1029)));
  uses.SetStored();
  EXPECT_FALSE(uses.Widen(0, Day(1029)));
  EXPECT_TRUE(uses.Widen(0, Day(943)));
}

TEST(NumberUsesTest, ComesBackAsItWasOrIsRefused) {
  JourneyGenerator random(5, 0);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    NumberUses uses;
    for (int64_t n = random.Below(5); n > 0; --n) {
      const int64_t first = random.Below(10'000);
      NumberUses::Use use = UseOf(absl::StrCat("p", n), first, first + random.Below(100));
      if (random.Chance(30)) use.begin = Day(random.Below(10'000));
      uses.Add(std::move(use));
    }
    std::string bytes = uses.Serialize();
    const auto read = NumberUses::Parse(bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->size(), uses.size());
    for (size_t use = 0; use < uses.size(); ++use) ASSERT_EQ((*read)[use], uses[use]);
    ASSERT_EQ(read->Serialize(), bytes);
    bytes[static_cast<size_t>(random.Below(static_cast<int64_t>(bytes.size())))] =
        static_cast<char>(random.Below(256));
    const auto damaged = NumberUses::Parse(bytes);
    if (damaged.ok()) continue;
    ++refused;
    ASSERT_EQ(api::ReasonOf(damaged.status()), "NUMBER_MALFORMED");
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace caravan::logistics
