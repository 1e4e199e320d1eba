// Streams are what their header says: the same from a seed, as long as wanted, in the order of
// receipt, in the vocabularies that are there, and with all that goes wrong.
#include "services/logistics/testing/stream_generator.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/logistics/event_time.h"
#include "services/logistics/tracking_code.h"

namespace caravan::logistics::testing {
namespace {

using ::testing::AllOf;
using ::testing::Gt;
using ::testing::Lt;

std::string ReadData(const std::string& name) {
  std::ifstream in(absl::StrCat(CARAVAN_REFERENCE_DATA, "/", name));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TrackingCodes Codes() {
  TrackingCodes codes;
  EXPECT_TRUE(codes.AddCodes(ReadData("tracking_codes.csv")).ok());
  EXPECT_TRUE(codes.AddVocabularies(ReadData("tracking_vocabularies.csv")).ok());
  return codes;
}

StreamOptions Options(int64_t events) {
  StreamOptions options;
  options.events = events;
  return options;
}

std::string Text(const StreamItem& item) {
  switch (item.kind) {
    case StreamItem::Kind::kAnnouncement:
      return item.announcement.SerializeAsString();
    case StreamItem::Kind::kLink:
      return item.link.SerializeAsString();
    default:
      return item.batch.SerializeAsString();
  }
}

TEST(StreamWorldTest, HasTheCodesOfTheReferenceData) {
  const TrackingCodes codes = Codes();
  for (const std::string vocabulary : {"17track", "upu", "aftership", "easypost"}) {
    for (const StreamCode& code : StreamCodesOf(vocabulary)) {
      const TrackingMeaning meaning = codes.Find(vocabulary, code.code);
      EXPECT_TRUE(meaning.known) << code.code;
      EXPECT_EQ(meaning.status, code.status) << code.code;
      EXPECT_EQ(meaning.reason, code.reason) << code.code;
    }
  }
  for (const StreamCarrier& carrier : StreamWorld({}).carriers) {
    EXPECT_NE(codes.FindTimeRule(carrier.vocabulary), nullptr) << carrier.id;
    if (!carrier.time_rule.empty()) {
      EXPECT_TRUE(TimeRule::Parse(carrier.time_rule).ok()) << carrier.id;
    }
  }
}

TEST(StreamWorldTest, EveryLaneHasCouriersToCompare) {
  const StreamWorld world({});
  std::map<size_t, std::set<size_t>> couriers;
  for (const StreamRoute& route : world.routes) {
    couriers[route.lane].insert(world.partnerships[route.partnership].courier);
  }
  EXPECT_EQ(couriers.size(), world.lanes.size());
  int compared = 0;
  for (const auto& [lane, of_lane] : couriers) compared += of_lane.size() > 1;
  EXPECT_GT(compared, 10);
}

TEST(StreamGeneratorTest, IsTheSameFromASeedAndAnotherFromAnother) {
  StreamOptions other = Options(20'000);
  other.seed = 2;
  StreamGenerator a(Options(20'000)), b(Options(20'000)), c(other);
  StreamItem of_a, of_b, of_c;
  bool differs = false;
  while (a.Next(&of_a)) {
    ASSERT_TRUE(b.Next(&of_b));
    ASSERT_EQ(Text(of_a), Text(of_b));
    differs |= c.Next(&of_c) && Text(of_a) != Text(of_c);
  }
  EXPECT_FALSE(b.Next(&of_b));
  EXPECT_TRUE(differs);
}

TEST(StreamGeneratorTest, HasExactlyTheEventsThatAreAskedFor) {
  for (const int64_t events : {1, 999, 1000, 50'000}) {
    StreamGenerator generator(Options(events));
    StreamItem item;
    int64_t seen = 0;
    std::map<std::string, int64_t> positions;
    while (generator.Next(&item)) {
      if (item.kind != StreamItem::Kind::kBatch) continue;
      seen += item.batch.events_size();
      ASSERT_GT(item.batch.events_size(), 0);
      ASSERT_LE(item.batch.events_size(), 1000);
      ASSERT_EQ(item.batch.position(), positions[item.batch.carrier()] + item.batch.events_size());
      positions[item.batch.carrier()] = item.batch.position();
    }
    EXPECT_EQ(seen, events);
  }
}

// What was counted in a stream, of all its events.
struct Tally {
  int64_t parcels = 0, announced = 0, late = 0, links = 0, late_links = 0, events = 0;
  int64_t repeated = 0, corrected = 0, withdrawn = 0, unknown = 0, unreadable = 0, bare = 0;
  int64_t ahead = 0, late_told = 0, reused = 0, shared = 0, disordered = 0;
  std::map<TrackingStatus, int64_t> statuses;
};

Tally Count(const StreamOptions& options) {
  const TrackingCodes codes = Codes();
  StreamGenerator generator(options);
  std::map<std::string, const StreamCarrier*> carriers;
  for (const StreamCarrier& carrier : generator.world().carriers) {
    carriers[absl::StrCat("partners/", carrier.id)] = &carrier;
  }
  Tally tally;
  std::set<std::string> announced, keys;
  std::map<std::string, std::set<std::string>> carriers_of;
  std::map<std::string, absl::Time> last_times, begins;
  StreamItem item;
  absl::Time last = absl::InfinitePast();
  std::map<std::string, int64_t> last_receipts;
  while (generator.Next(&item)) {
    if (item.kind == StreamItem::Kind::kAnnouncement) {
      ++tally.announced;
      tally.late += item.late;
      EXPECT_TRUE(announced.insert(item.announcement.parcel_id()).second);
      EXPECT_EQ(item.announcement.parcel().announce_time().seconds(),
                absl::ToUnixSeconds(item.time));
      for (const auto& number : item.announcement.parcel().tracking_numbers()) {
        const std::string key = number.carrier() + " " + number.number();
        const auto begin = absl::FromUnixSeconds(number.begin_time().seconds());
        const auto [known, is_new] = begins.emplace(key, begin);
        if (is_new) continue;
        ++tally.reused;
        // Nobody uses a number that another one has.
        EXPECT_GT(begin - known->second, absl::Hours(24 * 396)) << key;
        known->second = begin;
      }
    } else if (item.kind == StreamItem::Kind::kLink) {
      ++tally.links;
      tally.late_links += item.late;
      EXPECT_TRUE(announced.contains(item.link.name().substr(8))) << item.link.name();
    } else {
      const StreamCarrier& carrier = *carriers.at(item.batch.carrier());
      const auto rule = carrier.time_rule.empty() ? *codes.FindTimeRule(carrier.vocabulary)
                                                  : *TimeRule::Parse(carrier.time_rule);
      for (const v1::TrackingEvent& event : item.batch.events()) {
        ++tally.events;
        EXPECT_GE(event.receipt_time().seconds(), last_receipts[item.batch.carrier()]);
        last_receipts[item.batch.carrier()] = event.receipt_time().seconds();
        tally.corrected += event.correction() > 0 && !event.withdrawn();
        tally.withdrawn += event.withdrawn();
        const TrackingMeaning meaning = codes.Find(carrier.vocabulary, event.code());
        tally.unknown += !meaning.known;
        ++tally.statuses[meaning.status];
        carriers_of[event.tracking_number()].insert(item.batch.carrier());
        std::optional<absl::TimeZone> place;
        absl::TimeZone zone;
        if (absl::LoadTimeZone(event.place_time_zone(), &zone)) place = zone;
        const auto time = ReadEventTime(event.event_time(), rule, place);
        if (!time.ok()) {
          tally.bare += absl::StrContains(time.status().message(), "no offset");
          tally.unreadable += !absl::StrContains(time.status().message(), "no offset");
          continue;
        }
        const absl::Time receipt = absl::FromUnixSeconds(event.receipt_time().seconds());
        tally.ahead += *time > receipt + absl::Minutes(10);
        tally.late_told += receipt > *time + absl::Hours(2);
        absl::Time& last_time = last_times[event.tracking_number()];
        tally.disordered += *time < last_time;
        last_time = std::max(last_time, *time);
        tally.repeated +=
            !keys.insert(absl::StrCat(item.batch.carrier(), "|", event.tracking_number(), "|",
                                      event.event_id(), "|", event.code(), "|", event.event_time(),
                                      "|", event.correction()))
                 .second;
      }
      continue;
    }
    EXPECT_GE(item.time, last);
    last = item.time;
  }
  tally.parcels = generator.parcels();
  for (const auto& [number, of_number] : carriers_of) tally.shared += of_number.size() > 1;
  return tally;
}

TEST(StreamGeneratorTest, GoesWrongAsOftenAsItSays) {
  Tally tally = Count(Options(200'000));
  const auto share = [](int64_t part, int64_t of) {
    return static_cast<double>(part) / static_cast<double>(of);
  };
  EXPECT_THAT(share(tally.events, tally.parcels), AllOf(Gt(8.5), Lt(12)));
  EXPECT_THAT(share(tally.announced, tally.parcels), AllOf(Gt(0.97), Lt(0.99)));
  EXPECT_THAT(share(tally.late, tally.parcels), AllOf(Gt(0.03), Lt(0.06)));
  EXPECT_THAT(share(tally.links, tally.parcels), AllOf(Gt(0.3), Lt(0.7)));
  EXPECT_THAT(share(tally.late_links, tally.links), AllOf(Gt(0.15), Lt(0.25)));
  EXPECT_THAT(share(tally.repeated, tally.events), AllOf(Gt(0.03), Lt(0.06)));
  EXPECT_THAT(share(tally.corrected, tally.events), AllOf(Gt(0.005), Lt(0.02)));
  EXPECT_THAT(share(tally.withdrawn, tally.events), AllOf(Gt(0.0005), Lt(0.004)));
  EXPECT_THAT(share(tally.unknown, tally.events), AllOf(Gt(0.003), Lt(0.008)));
  EXPECT_THAT(share(tally.late_told, tally.events), AllOf(Gt(0.02), Lt(0.15)));
  EXPECT_THAT(share(tally.disordered, tally.events), AllOf(Gt(0.02), Lt(0.2)));
  EXPECT_GT(tally.ahead, 0);
  EXPECT_GT(tally.unreadable, 0);
  EXPECT_GT(tally.bare, 0);
  EXPECT_GT(tally.shared, 0);
  for (int i = 0; i < kTrackingStatuses; ++i) {
    EXPECT_GT(tally.statuses[static_cast<TrackingStatus>(i)], 0) << i;
  }
}

TEST(StreamGeneratorTest, UsesNumbersAgainAfterAYear) {
  StreamOptions options = Options(60'000);
  options.days = 600;
  EXPECT_GT(Count(options).reused, 3);
}

TEST(StreamGeneratorTest, NeedsNoZonesService) {
  StreamOptions options = Options(1000);
  options.world.zones = false;
  StreamGenerator generator(options);
  EXPECT_THAT(generator.world().enterprise_register, ::testing::IsEmpty());
  for (const v1::Lane& lane : generator.world().lane_register) {
    EXPECT_THAT(lane.pilot_zone(), ::testing::IsEmpty());
    EXPECT_THAT(lane.province(), ::testing::Not(::testing::IsEmpty()));
  }
  StreamItem item;
  while (generator.Next(&item)) {
    if (item.kind != StreamItem::Kind::kAnnouncement) continue;
    EXPECT_THAT(item.announcement.parcel().seller(), ::testing::IsEmpty());
    EXPECT_THAT(item.announcement.parcel().origin_zone(), ::testing::IsEmpty());
  }
}

}  // namespace
}  // namespace caravan::logistics::testing
